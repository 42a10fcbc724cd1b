package ecrsim

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

// DescribeImages implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html:
// image ids or paging, not both; without a filter only ACTIVE images are seen,
// also by id (UNCERTAIN, docs/aws/ecr.md 1.4); one missing image fails the call.
func (s *Service) DescribeImages(_ context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	r, err := s.repo("DescribeImages", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	tag, status := types.TagStatusAny, types.ImageStatusFilterActive
	if in.Filter != nil {
		tag = orDefault(in.Filter.TagStatus, tag)
		status = orDefault(in.Filter.ImageStatus, status)
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	tags := r.allTags()
	if len(in.ImageIds) > 0 {
		if in.NextToken != nil || in.MaxResults != nil {
			return nil, invalid("imageIds", "cannot be used with nextToken or maxResults")
		}
		if len(in.ImageIds) > 100 {
			return nil, invalid("imageIds", "Member must have length less than or equal to 100")
		}
		for _, id := range in.ImageIds {
			i, failure := r.find(id)
			if failure != nil || !shown(i, status) {
				return nil, s.noImage(id, r.name)
			}
			out.ImageDetails = append(out.ImageDetails, s.detail(r, i, tags[i.digest]))
		}
		return out, nil
	}
	var all []*image
	for _, i := range r.sortedImages() {
		if shown(i, status) && tagStatus(tag, len(tags[i.digest]) > 0) {
			all = append(all, i)
		}
	}
	part, next, ok := page.Of(all, in.NextToken, int(defaultTo(in.MaxResults, 100)))
	if !ok {
		return nil, invalidToken()
	}
	for _, i := range part {
		out.ImageDetails = append(out.ImageDetails, s.detail(r, i, tags[i.digest]))
	}
	out.NextToken = next
	return out, nil
}

func (s *Service) detail(r *repository, i *image, tags []string) types.ImageDetail {
	return types.ImageDetail{
		ArtifactMediaType:      orNil(i.artifactType),
		ImageDigest:            aws.String(i.digest),
		ImageManifestMediaType: aws.String(i.mediaType),
		ImagePushedAt:          aws.Time(i.pushed),
		ImageSizeInBytes:       aws.Int64(r.sizeOf(i)),
		ImageStatus:            i.status,
		ImageTags:              tags,
		LastActivatedAt:        timeOrNil(i.activated),
		LastArchivedAt:         timeOrNil(i.archived),
		LastRecordedPullTime:   timeOrNil(i.pulled),
		RegistryId:             aws.String(s.w.Account),
		RepositoryName:         aws.String(r.name),
		SubjectManifestDigest:  orNil(i.subject),
	}
}

// sizeOf: "If the image is a manifest list, this will be the max size of all
// manifests in the list."
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html)
func (r *repository) sizeOf(i *image) int64 {
	size := i.size
	for _, c := range i.children {
		if child, ok := r.images[c]; ok {
			size = max(size, child.size)
		}
	}
	return size
}

// ListImages implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImages.html:
// one entry for each pair of digest and tag.
func (s *Service) ListImages(_ context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	r, err := s.repo("ListImages", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	tag, status := types.TagStatusAny, types.ImageStatusFilterActive
	if in.Filter != nil {
		tag = orDefault(in.Filter.TagStatus, tag)
		status = orDefault(in.Filter.ImageStatus, status)
	}
	var all []types.ImageIdentifier
	for _, i := range r.sortedImages() {
		tags := r.tagsOf(i.digest)
		if !shown(i, status) || !tagStatus(tag, len(tags) > 0) {
			continue
		}
		if len(tags) == 0 {
			all = append(all, types.ImageIdentifier{ImageDigest: aws.String(i.digest)})
		}
		for _, t := range tags {
			all = append(all, types.ImageIdentifier{ImageDigest: aws.String(i.digest), ImageTag: aws.String(t)})
		}
	}
	part, next, ok := page.Of(all, in.NextToken, int(defaultTo(in.MaxResults, 100)))
	if !ok {
		return nil, invalidToken()
	}
	return &ecr.ListImagesOutput{ImageIds: append([]types.ImageIdentifier{}, part...), NextToken: next}, nil
}

func shown(i *image, f types.ImageStatusFilter) bool {
	return f == types.ImageStatusFilterAny || string(f) == string(i.status)
}

func tagStatus(f types.TagStatus, tagged bool) bool {
	return f == types.TagStatusAny || (f == types.TagStatusTagged) == tagged
}

func orDefault[T ~string](v, otherwise T) T {
	if v == "" {
		return otherwise
	}
	return v
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
