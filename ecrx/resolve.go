package ecrx

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Resolve returns the image with the digest that its tag names now; one that
// has a digest already is looked up by that. An image that cannot be pulled is
// a *[StatusError].
//
// Calls ecr:DescribeImages once. Safe to repeat.
func (img Image) Resolve(ctx context.Context, api ecr.DescribeImagesAPIClient) (Image, error) {
	s := Status{Ref: img.String(), Image: img}
	if !img.Private() {
		s.State = stateExternal
		s.err = fmt.Errorf("%s is no private registry of ECR", img.Registry)
		return Image{}, &StatusError{s}
	}
	x, err := lookup(ctx, api, img.Repo(), img.Tag, img.Digest)
	switch {
	case isA[*types.RepositoryNotFoundException](err):
		s.State = stateMissingRepository
	case err != nil:
		s.unknown(err)
	case x == nil:
		s.State = stateMissing
	default:
		n := newInventory()
		n.add(*x)
		tag := s.Image.Tag
		if s.Image.Digest != "" {
			s.Image.Tag = "" // where the tag is does not matter
		}
		s.find(n, nil)
		s.Image.Tag = tag
	}
	if !s.State.Usable() {
		return Image{}, &StatusError{s}
	}
	img.Digest = s.Digest
	return img, nil
}

// lookup finds one image by its digest or else its tag; nil where there is
// none.
func lookup(ctx context.Context, api ecr.DescribeImagesAPIClient, repo Repository, tag, digest string) (*Stored, error) {
	id := types.ImageIdentifier{ImageTag: &tag}
	if digest != "" {
		id = types.ImageIdentifier{ImageDigest: &digest}
	}
	found, err := byIDs(ctx, api, repo, []types.ImageIdentifier{id})
	switch {
	case isA[*types.ImageNotFoundException](err):
		return nil, nil
	case noIDs(err):
		return search(ctx, api, repo, tag, digest)
	case err != nil:
		return nil, fmt.Errorf("repository %s: %w", repo, err)
	case len(found) == 0:
		return nil, nil
	}
	return &found[0], nil
}

func search(ctx context.Context, api ecr.DescribeImagesAPIClient, repo Repository, tag, digest string) (*Stored, error) {
	images, err := repo.Images(ctx, api)
	if err != nil {
		return nil, err
	}
	n := newInventory()
	n.add(images...)
	if digest == "" {
		digest = n.tags[tag]
	}
	if x, ok := n.byDigest[digest]; ok {
		return &x, nil
	}
	return nil, nil
}

// latest returns the newest image of the repository that has a tag for which
// match is true, with that tag and its digest; nil matches every tag. Archived
// images do not count. Where there is none the error is [ErrNotFound].
//
// repository may be any image of the repository. Calls ecr:DescribeImages, once
// for each 1,000 tagged images. Safe to repeat.
func latest(ctx context.Context, api ecr.DescribeImagesAPIClient, repository Image, match func(tag string) bool) (Image, error) {
	repo := repository.Repo()
	if repo.Name == "" {
		return Image{}, &StatusError{Status{Ref: repository.String(), Image: repository, State: stateExternal, err: fmt.Errorf("%s is no private registry of ECR", repository.Registry)}}
	}
	var best Stored
	var tag string
	for p := ecr.NewDescribeImagesPaginator(api, &ecr.DescribeImagesInput{RegistryId: repo.registry(), RepositoryName: &repo.Name, MaxResults: aws.Int32(pageSize),
		Filter: &types.DescribeImagesFilter{TagStatus: types.TagStatusTagged, ImageStatus: types.ImageStatusFilterActive}}); p.HasMorePages(); {
		page, err := p.NextPage(ctx, repo.there)
		if isA[*types.RepositoryNotFoundException](err) {
			return Image{}, &StatusError{Status{Ref: repository.String(), Image: repository, State: stateMissingRepository}}
		}
		if err != nil {
			return Image{}, fmt.Errorf("repository %s: %w", repo, err)
		}
		for _, d := range page.ImageDetails {
			x := stored(d)
			if tag != "" && (x.PushedAt.Before(best.PushedAt) || x.PushedAt.Equal(best.PushedAt) && x.Digest > best.Digest) {
				continue
			}
			for _, t := range x.Tags {
				if match == nil || match(t) {
					best, tag = x, t
					break
				}
			}
		}
	}
	if tag == "" {
		return Image{}, fmt.Errorf("repository %s: %w: no tag matches", repo, ErrNotFound)
	}
	repository.Tag, repository.Digest = tag, best.Digest
	return repository, nil
}
