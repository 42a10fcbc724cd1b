package ecrx

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	// noManifests is why it is not known what the indexes list.
	noManifests error
}

func evaluated(p *Policy, images []Stored, now time.Time) map[string]Verdict {
	out := map[string]Verdict{}
	for _, v := range p.Evaluate(images, now) {
		out[v.Image.Digest] = v
	}
	return out
}

// unread are the indexes whose lists matter and are not known: one of them may
// hold an untagged image that is needed by digest and that a rule sees.
func (g *group) unread(verdicts map[string]Verdict, children map[string][]string) []string {
	matters := slices.ContainsFunc(g.statuses, func(s *Status) bool {
		x, ok := g.images.byDigest[s.Image.Digest]
		v := verdicts[x.Digest]
		return ok && len(x.Tags) == 0 && !x.Index() && v.MatchedBy != 0 && v.HeldBy == ""
	})
	if !matters {
		return nil
	}
	var out []string
	for _, digest := range g.images.order {
		x := g.images.byDigest[digest]
		if _, known := children[digest]; x.Index() && x.Children == nil && !known && x.Status != types.ImageStatusArchived {
			out = append(out, digest)
		}
	}
	return out
}

func (s *Status) unknown(err error) {
	s.State, s.err, s.Reason = stateUnknown, err, err.Error()
}

// judge fills in the statuses of a group that was read.
func (c *checker) judge(ctx context.Context, g *group) {
	var verdicts map[string]Verdict
	var rate float64
	children := c.opts.Children
	if g.ruled && g.err == nil && g.noPolicy == nil && g.images.complete {
		now := c.opts.Now()
		verdicts = evaluated(g.policy, g.images.all(children), now)
		if indexes := g.unread(verdicts, children); len(indexes) > 0 && c.opts.Manifests != nil {
			found, err := readManifests(ctx, c.opts.Manifests, g.repo, indexes)
			if err != nil {
				g.noManifests = err
			}
			children = maps.Clone(children)
			if children == nil {
				children = map[string][]string{}
			}
			for digest, m := range found {
				children[digest] = m.Children()
			}
			verdicts = evaluated(g.policy, g.images.all(children), now)
		}
		rate = pushRate(g.images.all(nil), now)
	}
	for _, s := range g.statuses {
		switch {
		case isA[*types.RepositoryNotFoundException](g.err):
			s.State = stateMissingRepository
		case g.err != nil:
			s.unknown(fmt.Errorf("image %s: %w", s.Ref, g.err))
		default:
			s.find(g.images, children)
			if v, ok := verdicts[s.Digest]; ok {
				s.Headroom = new(v.Headroom())
				s.Headroom.PushesPerDay = rate
				if g.noManifests != nil && v.MatchedBy != 0 && len(s.Tags) == 0 && s.Reason == "" {
					s.Reason = "an index may list it, which is not known: " + g.noManifests.Error()
				}
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
		s.State = stateMissing
		if named != "" && named != digest {
			s.TagDigest, s.Reason = named, "the tag names "+named+" now"
		}
		return
	}
	s.Digest, s.Tags, s.PushedAt = x.Digest, x.Tags, x.PushedAt
	switch x.Status {
	case types.ImageStatusArchived:
		s.State = stateArchived
		return
	case types.ImageStatusActivating:
		s.State = stateActivating
		return
	}
	list := children[digest]
	if x.Children != nil {
		list = x.Children
	}
	for _, d := range list {
		if child, ok := images.byDigest[d]; !ok || child.Status == types.ImageStatusArchived || child.Status == types.ImageStatusActivating {
			s.State, s.Reason = stateIncomplete, "it lists "+d+", which is missing"
			if ok {
				s.Reason = "it lists " + d + ", which is " + strings.ToLower(string(child.Status))
			}
			return
		}
	}
	s.State = stateOK
	if s.Image.Tag != "" && s.Image.Digest != "" && named != digest {
		s.State, s.TagDigest, s.Reason = stateTagMoved, named, "the tag names "+named+" now"
		if named == "" {
			s.Reason = "the tag is gone"
		}
	}
}
