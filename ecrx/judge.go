package ecrx

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// group is the references of one repository.
type group struct {
	repo     Repository
	statuses []*Status
	images   *inventory
	policy   *Policy
	ruled    bool  // the policy was asked for
	err      error // why the images are not known
	noPolicy error // why the policy is not
}

func (s *Status) unknown(err error) {
	s.State, s.Err, s.Reason = Unknown, err, err.Error()
}

// judge fills in the statuses of a group that was read.
func (c *checker) judge(g *group) {
	var verdicts map[string]Verdict
	if g.ruled && g.err == nil && g.noPolicy == nil && g.images.complete {
		verdicts = map[string]Verdict{}
		for _, v := range Evaluate(g.policy, g.images.all(c.opts.Children), c.opts.Now()) {
			verdicts[v.Image.Digest] = v
		}
	}
	for _, s := range g.statuses {
		switch {
		case isA[*types.RepositoryNotFoundException](g.err):
			s.State = MissingRepository
		case g.err != nil:
			s.unknown(fmt.Errorf("image %s: %w", s.Ref, g.err))
		default:
			s.find(g.images, c.opts.Children)
			if v, ok := verdicts[s.Digest]; ok {
				s.Headroom = new(v.Headroom())
			} else if g.noPolicy != nil && s.Reason == "" {
				s.Reason = "headroom is not known: " + g.noPolicy.Error()
			}
		}
	}
}

func (s *Status) find(images *inventory, children map[string][]string) {
	digest := s.Image.Digest
	named := ""
	if s.Image.Tag != "" {
		named = images.tags[s.Image.Tag]
	}
	if digest == "" {
		digest = named
	}
	x, ok := images.byDigest[digest]
	if !ok {
		s.State = Missing
		if named != "" && named != digest {
			s.TagDigest, s.Reason = named, "the tag names "+named+" now"
		}
		return
	}
	s.Digest, s.Tags, s.PushedAt = x.Digest, x.Tags, x.PushedAt
	switch x.Status {
	case types.ImageStatusArchived:
		s.State = Archived
		return
	case types.ImageStatusActivating:
		s.State = Activating
		return
	}
	list := children[digest]
	if x.Children != nil {
		list = x.Children
	}
	for _, d := range list {
		if child, ok := images.byDigest[d]; !ok || child.Status == types.ImageStatusArchived || child.Status == types.ImageStatusActivating {
			s.State, s.Reason = Incomplete, "it lists "+d+", which is missing"
			if ok {
				s.Reason = "it lists " + d + ", which is " + strings.ToLower(string(child.Status))
			}
			return
		}
	}
	s.State = OK
	if s.Image.Tag != "" && s.Image.Digest != "" && named != digest {
		s.State, s.TagDigest, s.Reason = TagMoved, named, "the tag names "+named+" now"
		if named == "" {
			s.Reason = "the tag is gone"
		}
	}
}
