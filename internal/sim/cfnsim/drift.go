package cfnsim

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// detection is one run of drift detection on a stack.
type detection struct {
	id      string
	st      *stack
	at      time.Time
	done    bool
	status  types.StackDriftStatus
	drifted int32
}

// detectable: drift can be detected in these statuses, UPDATE_ROLLBACK_FAILED
// among them (docs/aws/cfn.md 1.1).
func (s *stack) detectable() error {
	switch s.status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete, types.StackStatusUpdateRollbackFailed:
		return nil
	}
	return invalidf("Drift detection cannot be performed on stack [%s] while it is in %s status.", s.id, s.status)
}

// detect compares a resource with its record. Nested stacks are not looked
// into (docs/aws/cfn.md 1.10).
func (r *resource) detect() {
	r.driftAt = r.st.svc.world.Now()
	switch {
	case r.typ == stackType:
		r.drift = types.StackResourceDriftStatusNotChecked
	case r.vanished:
		r.drift = types.StackResourceDriftStatusDeleted
	case len(changed(r.record, r.actual())) > 0:
		r.drift = types.StackResourceDriftStatusModified
	default:
		r.drift = types.StackResourceDriftStatusInSync
	}
}

// actual are the properties that the resource really has.
func (r *resource) actual() object {
	m := maps.Clone(mapOf(r.sent))
	maps.Copy(m, r.drifted)
	return m
}

// DetectStackDrift starts a detection. Resources that a rollback skipped stay
// NOT_CHECKED (docs/aws/cfn.md 1.10).
func (s *Service) DetectStackDrift(_ context.Context, in *cloudformation.DetectStackDriftInput) (*cloudformation.DetectStackDriftOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackBrackets(str(in.StackName))
	}
	if err := st.detectable(); err != nil {
		return nil, err
	}
	d := &detection{id: s.world.UUID(), st: st}
	s.drifts = append(s.drifts, d)
	s.world.After(5*s.Latency, func() {
		d.status = types.StackDriftStatusInSync
		for _, r := range st.visible() {
			if !r.exists() || r.skipped || len(in.LogicalResourceIds) > 0 && !slices.Contains(in.LogicalResourceIds, r.id) {
				continue
			}
			r.detect()
			if r.drift == types.StackResourceDriftStatusModified || r.drift == types.StackResourceDriftStatusDeleted {
				d.drifted++
				d.status = types.StackDriftStatusDrifted
			}
		}
		d.done, d.at, st.detection = true, s.world.Now(), d
	})
	return &cloudformation.DetectStackDriftOutput{StackDriftDetectionId: ptr(d.id)}, nil
}

// DescribeStackDriftDetectionStatus tells how a detection is going.
func (s *Service) DescribeStackDriftDetectionStatus(_ context.Context, in *cloudformation.DescribeStackDriftDetectionStatusInput) (*cloudformation.DescribeStackDriftDetectionStatusOutput, error) {
	i := slices.IndexFunc(s.drifts, func(d *detection) bool { return d.id == str(in.StackDriftDetectionId) })
	if i < 0 {
		return nil, invalidf("Drift detection with id %s does not exist.", str(in.StackDriftDetectionId))
	}
	d := s.drifts[i]
	out := &cloudformation.DescribeStackDriftDetectionStatusOutput{
		StackDriftDetectionId: ptr(d.id), StackId: ptr(d.st.id), Timestamp: ptr(s.world.Now().UTC()), DetectionStatus: types.StackDriftDetectionStatusDetectionInProgress,
	}
	if d.done {
		out.DetectionStatus, out.StackDriftStatus, out.DriftedStackResourceCount, out.Timestamp = types.StackDriftDetectionStatusDetectionComplete, d.status, ptr(d.drifted), ptr(d.at.UTC())
	}
	return out, nil
}

// DetectStackResourceDrift detects at once, skipped resources too.
func (s *Service) DetectStackResourceDrift(_ context.Context, in *cloudformation.DetectStackResourceDriftInput) (*cloudformation.DetectStackResourceDriftOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackBrackets(str(in.StackName))
	}
	if err := st.detectable(); err != nil {
		return nil, err
	}
	r := st.resources[str(in.LogicalResourceId)]
	if r == nil || !r.exists() {
		return nil, invalidf("Resource %s does not exist for stack %s", str(in.LogicalResourceId), st.name)
	}
	r.detect()
	d := r.describeDrift()
	return &cloudformation.DetectStackResourceDriftOutput{StackResourceDrift: &d}, nil
}

// DescribeStackResourceDrifts tells what the last detection found.
func (s *Service) DescribeStackResourceDrifts(_ context.Context, in *cloudformation.DescribeStackResourceDriftsInput) (*cloudformation.DescribeStackResourceDriftsOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackBrackets(str(in.StackName))
	}
	all := []types.StackResourceDrift{}
	for _, r := range st.visible() {
		if r.driftAt.IsZero() || len(in.StackResourceDriftStatusFilters) > 0 && !slices.Contains(in.StackResourceDriftStatusFilters, r.drift) {
			continue
		}
		all = append(all, r.describeDrift())
	}
	size := 100
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	page, next, err := cut(all, in.NextToken, size)
	return &cloudformation.DescribeStackResourceDriftsOutput{StackResourceDrifts: page, NextToken: next}, err
}

func (r *resource) describeDrift() types.StackResourceDrift {
	d := types.StackResourceDrift{
		StackId: ptr(r.st.id), LogicalResourceId: ptr(r.id), PhysicalResourceId: optional(r.physical), ResourceType: ptr(r.typ),
		StackResourceDriftStatus: r.driftStatus(), Timestamp: ptr(r.driftAt.UTC()), PropertyDifferences: []types.PropertyDifference{},
	}
	if d.StackResourceDriftStatus == types.StackResourceDriftStatusNotChecked {
		return d
	}
	d.ExpectedProperties = jsonOf(r.record)
	if r.vanished {
		return d
	}
	actual := r.actual()
	d.ActualProperties = jsonOf(actual)
	d.PropertyDifferences = append(d.PropertyDifferences, propertyDifferences("", r.record, actual, 0)...)
	return d
}

func jsonOf(v any) *string {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return ptr(string(b))
}

// propertyDifferences goes into maps, as AWS does
// (docs/aws/recordings.md cloudformation/api/test_drift_detection).
func propertyDifferences(path string, want, have object, depth int) []types.PropertyDifference {
	var out []types.PropertyDifference
	for _, k := range changed(want, have) {
		w, in := want[k]
		h, in2 := have[k]
		wm, isMap := w.(object)
		hm, isMap2 := h.(object)
		if isMap && isMap2 && depth < maxDepth {
			out = append(out, propertyDifferences(path+"/"+k, wm, hm, depth+1)...)
			continue
		}
		d := types.PropertyDifference{PropertyPath: ptr(path + "/" + k), ExpectedValue: ptr(shownValue(w, in)), ActualValue: ptr(shownValue(h, in2)), DifferenceType: types.DifferenceTypeNotEqual}
		switch {
		case !in:
			d.DifferenceType = types.DifferenceTypeAdd
		case !in2:
			d.DifferenceType = types.DifferenceTypeRemove
		}
		out = append(out, d)
	}
	return out
}

func shownValue(v any, there bool) string {
	if !there {
		return "null"
	}
	if l, ok := v.([]any); ok {
		if s := jsonOf(l); s != nil {
			return *s
		}
	}
	return text(v)
}
