package cfnsim

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// visible are the resources that descriptions show, by logical id. Those of a
// deleted stack are shown with their last status.
func (s *stack) visible() []*resource {
	var list []*resource
	s.each(func(r *resource) {
		if r.status != "" {
			list = append(list, r)
		}
	})
	slices.SortFunc(list, func(a, b *resource) int { return compare(a.id, b.id) })
	return list
}

func (r *resource) driftStatus() types.StackResourceDriftStatus {
	if r.drift == "" {
		return types.StackResourceDriftStatusNotChecked
	}
	return r.drift
}

func (r *resource) driftInformation() *types.StackResourceDriftInformation {
	return &types.StackResourceDriftInformation{StackResourceDriftStatus: r.driftStatus(), LastCheckTimestamp: moment(r.driftAt)}
}

// optional is nil for text that AWS leaves out.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (r *resource) describe() types.StackResource {
	return types.StackResource{
		StackId: ptr(r.st.id), StackName: ptr(r.st.name), LogicalResourceId: ptr(r.id), PhysicalResourceId: optional(r.physical),
		ResourceType: ptr(r.typ), ResourceStatus: r.status, ResourceStatusReason: optional(r.reason), Timestamp: ptr(r.at.UTC()),
		DriftInformation: r.driftInformation(),
	}
}

// DescribeStackResources describes at most 100 resources, without a word about
// the others (docs/aws/cfn.md 1.5).
func (s *Service) DescribeStackResources(_ context.Context, in *cloudformation.DescribeStackResourcesInput) (*cloudformation.DescribeStackResourcesOutput, error) {
	var list []*resource
	switch {
	case in.StackName != nil && in.PhysicalResourceId != nil:
		return nil, invalid("You must specify either StackName or PhysicalResourceId, but not both.")
	case in.PhysicalResourceId != nil:
		for _, st := range s.stacks {
			for _, r := range st.visible() {
				if r.physical == *in.PhysicalResourceId && st.live() {
					list = st.visible()
				}
			}
		}
		if list == nil {
			return nil, invalidf("Stack for %s does not exist", *in.PhysicalResourceId)
		}
	default:
		st := s.find(str(in.StackName))
		if st == nil {
			return nil, noStackWithID(str(in.StackName))
		}
		list = st.visible()
	}
	out := &cloudformation.DescribeStackResourcesOutput{StackResources: []types.StackResource{}}
	for _, r := range list {
		if (in.LogicalResourceId == nil || *in.LogicalResourceId == r.id) && len(out.StackResources) < 100 {
			out.StackResources = append(out.StackResources, r.describe())
		}
	}
	if in.LogicalResourceId != nil && len(out.StackResources) == 0 {
		return nil, invalidf("Resource %s does not exist for stack %s", *in.LogicalResourceId, str(in.StackName))
	}
	return out, nil
}

// DescribeStackResource describes one resource.
func (s *Service) DescribeStackResource(_ context.Context, in *cloudformation.DescribeStackResourceInput) (*cloudformation.DescribeStackResourceOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, invalidf("Stack '%s' does not exist", str(in.StackName))
	}
	r := st.resources[str(in.LogicalResourceId)]
	if r == nil || r.status == "" || r.status == types.ResourceStatusDeleteComplete && st.live() {
		return nil, invalidf("Resource %s does not exist for stack %s", str(in.LogicalResourceId), st.name)
	}
	d := r.describe()
	out := &types.StackResourceDetail{
		StackId: d.StackId, StackName: d.StackName, LogicalResourceId: d.LogicalResourceId, PhysicalResourceId: d.PhysicalResourceId,
		ResourceType: d.ResourceType, ResourceStatus: d.ResourceStatus, ResourceStatusReason: d.ResourceStatusReason,
		LastUpdatedTimestamp: d.Timestamp, DriftInformation: d.DriftInformation, Metadata: ptr("{}"),
	}
	if r.decl.metadata != nil {
		if b, err := json.Marshal(r.decl.metadata); err == nil {
			out.Metadata = ptr(string(b))
		}
	}
	return &cloudformation.DescribeStackResourceOutput{StackResourceDetail: out}, nil
}

// ListStackResources lists all resources, in pages.
func (s *Service) ListStackResources(_ context.Context, in *cloudformation.ListStackResourcesInput) (*cloudformation.ListStackResourcesOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackWithID(str(in.StackName))
	}
	page, next, err := cut(st.visible(), in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ListStackResourcesOutput{NextToken: next, StackResourceSummaries: []types.StackResourceSummary{}}
	for _, r := range page {
		d := r.describe()
		out.StackResourceSummaries = append(out.StackResourceSummaries, types.StackResourceSummary{
			LogicalResourceId: d.LogicalResourceId, PhysicalResourceId: d.PhysicalResourceId, ResourceType: d.ResourceType,
			ResourceStatus: d.ResourceStatus, ResourceStatusReason: d.ResourceStatusReason, LastUpdatedTimestamp: d.Timestamp,
			DriftInformation: &types.StackResourceDriftInformationSummary{StackResourceDriftStatus: d.DriftInformation.StackResourceDriftStatus, LastCheckTimestamp: d.DriftInformation.LastCheckTimestamp},
		})
	}
	return out, nil
}
