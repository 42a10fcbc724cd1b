// Package applicationautoscaling answers DescribeScalableTargets from the
// scalable targets of the stacks, in shapes of its own: deployment tools make
// this one call, and the SDK's client is not among this module's requirements
// for it. Nothing scales by itself here.
package applicationautoscaling

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/page"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// DescribeScalableTargetsInput is that of
// https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html
type DescribeScalableTargetsInput struct {
	MaxResults                                     *int32
	NextToken, ScalableDimension, ServiceNamespace *string
	ResourceIds                                    []string
}

// DescribeScalableTargetsOutput is a page of targets.
type DescribeScalableTargetsOutput struct {
	NextToken       *string
	ScalableTargets []ScalableTarget
}

// ScalableTarget is one target.
type ScalableTarget struct {
	CreationTime                                                                *time.Time
	MaxCapacity, MinCapacity                                                    *int32
	ResourceId, RoleARN, ScalableDimension, ScalableTargetARN, ServiceNamespace *string //nolint:revive // the API's names
	SuspendedState                                                              *SuspendedState
}

// SuspendedState is which scaling a target has suspended.
type SuspendedState struct {
	DynamicScalingInSuspended, DynamicScalingOutSuspended, ScheduledScalingSuspended *bool
}

// Service is the scalable targets of one region.
type Service struct {
	w     *world.World
	owned func(typ string) []cfnsim.Owned
	arns  map[string]string // by namespace, id and dimension
}

// New returns the scalable targets among what stacks own.
func New(w *world.World, owned func(typ string) []cfnsim.Owned) *Service {
	return &Service{w, owned, map[string]string{}}
}

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) { op.On(t, s.DescribeScalableTargets) }

// DescribeScalableTargets lists the targets of a namespace, 50 a page at most.
func (s *Service) DescribeScalableTargets(_ context.Context, in *DescribeScalableTargetsInput) (*DescribeScalableTargetsOutput, error) {
	if in.ServiceNamespace == nil {
		return nil, invalid("1 validation error detected: Value null at 'serviceNamespace' failed to satisfy constraint: Member must not be null")
	}
	if in.ScalableDimension != nil && len(in.ResourceIds) == 0 {
		return nil, invalid("If you specify a scalable dimension, you must also specify a resource ID.")
	}
	size := 50
	if n := in.MaxResults; n != nil {
		size = max(1, min(size, int(*n)))
	}
	all := []ScalableTarget{}
	for _, o := range s.owned("AWS::ApplicationAutoScaling::ScalableTarget") {
		id, dimension, namespace := o.Text("ResourceId"), o.Text("ScalableDimension"), o.Text("ServiceNamespace")
		if namespace != *in.ServiceNamespace || len(in.ResourceIds) > 0 && !slices.Contains(in.ResourceIds, id) || in.ScalableDimension != nil && *in.ScalableDimension != dimension {
			continue
		}
		key := namespace + " " + id + " " + dimension
		if s.arns[key] == "" {
			s.arns[key] = s.w.ARN("application-autoscaling", "scalable-target/"+s.w.Hex(34))
		}
		role := o.Text("RoleARN")
		if role == "" {
			role = "arn:" + s.w.Partition + ":iam::" + s.w.Account + ":role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
		}
		all = append(all, ScalableTarget{
			CreationTime: new(o.Created), MaxCapacity: number(o.Text("MaxCapacity")), MinCapacity: number(o.Text("MinCapacity")),
			ResourceId: &id, RoleARN: &role, ScalableDimension: &dimension, ServiceNamespace: &namespace, ScalableTargetARN: new(s.arns[key]),
			SuspendedState: suspended(o.Properties["SuspendedState"]),
		})
	}
	part, next, ok := page.Of(all, in.NextToken, size)
	if !ok {
		return nil, op.WithStatus(http.StatusBadRequest, op.Error("InvalidNextTokenException", "The NextToken is invalid."))
	}
	return &DescribeScalableTargetsOutput{ScalableTargets: part, NextToken: next}, nil
}

func number(text string) *int32 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil // the template did not say
	}
	return new(int32(n))
}

func suspended(v any) *SuspendedState {
	m, _ := v.(map[string]any)
	is := func(name string) *bool { return new(cfnsim.Text(m[name]) == "true") }
	return &SuspendedState{is("DynamicScalingInSuspended"), is("DynamicScalingOutSuspended"), is("ScheduledScalingSuspended")}
}

func invalid(text string) error {
	return op.WithStatus(http.StatusBadRequest, op.Error("ValidationException", text))
}
