package ecrx

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// inventory is what is known of a repository's images.
type inventory struct {
	byDigest map[string]Stored
	tags     map[string]string // tag -> digest
	order    []string          // digests, as they were read
	complete bool
}

func newInventory() *inventory {
	return &inventory{byDigest: map[string]Stored{}, tags: map[string]string{}}
}

func (n *inventory) add(images ...Stored) {
	for _, x := range images {
		if _, ok := n.byDigest[x.Digest]; !ok {
			n.order = append(n.order, x.Digest)
		}
		n.byDigest[x.Digest] = x
		for _, t := range x.Tags {
			n.tags[t] = x.Digest
		}
	}
}

// all is every image, with the children that are known.
func (n *inventory) all(children map[string][]string) []Stored {
	out := make([]Stored, len(n.order))
	for i, d := range n.order {
		out[i] = n.byDigest[d]
		if c, ok := children[d]; ok && out[i].Children == nil {
			out[i].Children = c
		}
	}
	return out
}

// missing are the ids of a group's references that the inventory does not have.
func (n *inventory) missing(statuses []*Status) []types.ImageIdentifier {
	var ids []types.ImageIdentifier
	seen := map[string]bool{}
	for _, s := range statuses {
		if d := s.Image.Digest; d != "" && !seen[d] {
			seen[d] = true
			if _, ok := n.byDigest[d]; !ok {
				ids = append(ids, types.ImageIdentifier{ImageDigest: &d})
			}
		}
		if t := s.Image.Tag; t != "" && !seen[t] {
			seen[t] = true
			if _, ok := n.tags[t]; !ok {
				ids = append(ids, types.ImageIdentifier{ImageTag: &t})
			}
		}
	}
	return ids
}

// read reads as much of a group's repository as its references need: the first
// 1,000 images, then what is not among them by its id or, where something is
// wanted that does not exist, to the end.
func (c *checker) read(ctx context.Context, g *group) {
	if g.policy, g.ruled = c.opts.known[g.repo]; !g.ruled && c.opts.Policies != nil {
		g.ruled = true
		g.policy, _, g.noPolicy = readPolicy(ctx, c.opts.Policies, g.repo)
	}
	g.images = newInventory()
	if images, ok := c.opts.Read[g.repo]; ok {
		g.images.add(images...)
		g.images.complete = true
		return
	}
	api := c.api
	if c.opts.Client != nil {
		api = c.opts.Client(g.repo)
	}
	var next *string
	for {
		page, err := listPage(ctx, api, g.repo, next)
		if err != nil {
			g.err = err
			return
		}
		for _, d := range page.ImageDetails {
			g.images.add(stored(d))
		}
		if next = page.NextToken; next == nil {
			g.images.complete = true
			return
		}
		if c.opts.Policies != nil { // ranks need the whole pool
			continue
		}
		ids := g.images.missing(g.statuses)
		if len(ids) == 0 {
			return
		}
		// One id that does not exist fails the whole call, without saying which
		// (docs/aws/ecr.md 1.5): then the list decides.
		if len(ids) <= maxIDs {
			found, err := byIDs(ctx, api, g.repo, ids)
			if err == nil {
				g.images.add(found...)
				return
			}
			if !isA[*types.ImageNotFoundException](err) && !noIDs(err) {
				g.err = err
				return
			}
			if len(ids) == 1 && isA[*types.ImageNotFoundException](err) {
				return
			}
		}
	}
}

// noIDs reports whether ECR does not take a filter beside ids, which is not
// settled (docs/aws/ecr.md 1.4).
func noIDs(err error) bool {
	return isA[*types.InvalidParameterException](err) || isA[*types.ValidationException](err)
}

const maxIDs = 100 // of one DescribeImages

func byIDs(ctx context.Context, api ecr.DescribeImagesAPIClient, repo Repository, ids []types.ImageIdentifier) ([]Stored, error) {
	filter := anyStatus
	out, err := api.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RegistryId: repo.registry(), RepositoryName: &repo.Name, ImageIds: slices.Clone(ids), Filter: &filter,
	}, repo.there)
	if err != nil {
		return nil, err
	}
	var found []Stored
	for _, d := range out.ImageDetails {
		found = append(found, stored(d))
	}
	return found, nil
}
