package ecrsim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

// previewTime is how long a preview runs; the SDK's waiter asks every 5 s.
const previewTime = 10 * time.Second

type preview struct {
	text    string
	status  types.LifecyclePolicyPreviewStatus
	results []types.LifecyclePolicyPreviewResult
}

// StartLifecyclePolicyPreview implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_StartLifecyclePolicyPreview.html:
// without a text the repository's policy is tried; one preview at a time.
func (s *Service) StartLifecyclePolicyPreview(_ context.Context, in *ecr.StartLifecyclePolicyPreviewInput) (*ecr.StartLifecyclePolicyPreviewOutput, error) {
	r, err := s.repo("StartLifecyclePolicyPreview", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if r.preview != nil && r.preview.status == types.LifecyclePolicyPreviewStatusInProgress {
		return nil, &types.LifecyclePolicyPreviewInProgressException{Message: aws.String(fmt.Sprintf(
			"Lifecycle policy preview is in progress for repository with name '%s' in the registry with id '%s'", r.name, s.w.Account))}
	}
	tried := r.policy
	if in.LifecyclePolicyText != nil {
		if tried, err = parsePolicy(*in.LifecyclePolicyText); err != nil {
			return nil, err
		}
	}
	if tried == nil {
		return nil, s.noPolicy(r.name)
	}
	text, err := tried.text()
	if err != nil {
		return nil, err
	}
	p := &preview{text: text, status: types.LifecyclePolicyPreviewStatusInProgress}
	r.preview = p
	s.w.After(previewTime, func() {
		p.status = types.LifecyclePolicyPreviewStatusComplete
		for _, v := range evaluate(tried, r.sortedImages(), r.tagsOf, s.w.Now()) {
			if len(r.holders(v.image.digest)) == 0 {
				p.results = append(p.results, result(r, v))
			}
		}
	})
	return &ecr.StartLifecyclePolicyPreviewOutput{LifecyclePolicyText: aws.String(text), RegistryId: aws.String(s.w.Account), RepositoryName: aws.String(r.name), Status: p.status}, nil
}

func result(r *repository, v verdict) types.LifecyclePolicyPreviewResult {
	out := types.LifecyclePolicyPreviewResult{
		Action:              &types.LifecyclePolicyRuleAction{Type: types.ImageActionTypeExpire},
		AppliedRulePriority: aws.Int32(int32(v.rule.Priority)),
		ImageDigest:         aws.String(v.image.digest),
		ImagePushedAt:       aws.Time(v.image.pushed),
		ImageTags:           r.tagsOf(v.image.digest),
		StorageClass:        types.LifecyclePolicyStorageClassStandard,
	}
	if v.rule.Selection.archive() {
		out.StorageClass = types.LifecyclePolicyStorageClassArchive
	}
	if v.rule.Action.Type == actionTransition {
		out.Action = &types.LifecyclePolicyRuleAction{Type: types.ImageActionTypeTransition, TargetStorageClass: types.LifecyclePolicyTargetStorageClassArchive}
	}
	return out
}

// GetLifecyclePolicyPreview implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetLifecyclePolicyPreview.html
func (s *Service) GetLifecyclePolicyPreview(_ context.Context, in *ecr.GetLifecyclePolicyPreviewInput) (*ecr.GetLifecyclePolicyPreviewOutput, error) {
	r, err := s.repo("GetLifecyclePolicyPreview", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	p := r.preview
	if p == nil {
		return nil, &types.LifecyclePolicyPreviewNotFoundException{Message: aws.String(fmt.Sprintf(
			"Lifecycle policy preview does not exist for the repository with name '%s' in the registry with id '%s'", r.name, s.w.Account))}
	}
	if n := aws.ToInt32(in.MaxResults); n < 0 || n > 100 {
		return nil, invalid("maxResults", "Member must have value between 1 and 100, inclusive")
	}
	if len(in.ImageIds) > 0 && (in.NextToken != nil || in.MaxResults != nil) {
		return nil, invalid("imageIds", "cannot be used with nextToken or maxResults")
	}
	wanted := []types.LifecyclePolicyPreviewResult{}
	summary := &types.LifecyclePolicyPreviewSummary{ExpiringImageTotalCount: aws.Int32(0)}
	var transitions int32
	for _, x := range p.results {
		if x.Action.Type == types.ImageActionTypeExpire {
			*summary.ExpiringImageTotalCount++
		} else {
			transitions++
		}
		if in.Filter != nil && !tagStatus(orDefault(in.Filter.TagStatus, types.TagStatusAny), len(x.ImageTags) > 0) {
			continue
		}
		if len(in.ImageIds) > 0 && !slices.ContainsFunc(in.ImageIds, func(id types.ImageIdentifier) bool {
			return aws.ToString(id.ImageDigest) == *x.ImageDigest || id.ImageTag != nil && slices.Contains(x.ImageTags, *id.ImageTag)
		}) {
			continue
		}
		wanted = append(wanted, x)
	}
	if transitions > 0 {
		summary.TransitioningImageTotalCounts = []types.TransitioningImageTotalCount{{ImageTotalCount: aws.Int32(transitions), TargetStorageClass: types.LifecyclePolicyTargetStorageClassArchive}}
	}
	part, next, ok := page.Of(wanted, in.NextToken, int(defaultTo(in.MaxResults, 100)))
	if !ok {
		return nil, invalidToken()
	}
	return &ecr.GetLifecyclePolicyPreviewOutput{LifecyclePolicyText: aws.String(p.text), NextToken: next, PreviewResults: part,
		RegistryId: aws.String(s.w.Account), RepositoryName: aws.String(r.name), Status: p.status, Summary: summary}, nil
}
