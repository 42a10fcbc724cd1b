package ecsx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// rollBackAPI is DescribeServiceDeployments, DescribeServiceRevisions and
// StopServiceDeployment of *ecs.Client.
type rollBackAPI interface {
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	StopServiceDeployment(context.Context, *ecs.StopServiceDeploymentInput, ...func(*ecs.Options)) (*ecs.StopServiceDeploymentOutput, error)
}

// RollBack asks ECS to stop the deployment and to go back to the revision before
// it, whether or not the service has a circuit breaker. It does so only if every
// image of that revision exists: resolver is called with each, as
// [ForceDeployLatest] calls it, with "@" and the digest that a rollback pulls where
// ECS recorded one. It returns [ErrImageNotFound] if one is missing, the resolver's
// error if that is not known, and [ErrNotFound] if there is no revision to go back
// to. A nil resolver is refused: a rollback to images that are gone takes down what
// still serves. Of d it needs Record.
//
// It returns nil once ECS has accepted, or if it is going back already; see
// [Deployment.WaitRollout].
//
// Calls ecs:DescribeServiceDeployments, ecs:DescribeServiceRevisions,
// ecs:StopServiceDeployment. Safe to repeat.
func (d Deployment) RollBack(ctx context.Context, api rollBackAPI, resolver func(ctx context.Context, ref string) (string, error)) error {
	wrap := func(err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("service deployment %s: %w", afterSlash(d.Record), err)
	}
	if resolver == nil {
		return wrap(errors.New("whether the images to go back to exist is not known: give a resolver"))
	}
	read := func(ctx context.Context) (*types.ServiceDeployment, error) {
		out, err := api.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{d.Record}})
		if err != nil {
			return nil, err
		}
		if len(out.ServiceDeployments) == 0 {
			return nil, ErrNotFound
		}
		return &out.ServiceDeployments[0], nil
	}
	x, err := read(ctx)
	if err != nil {
		return wrap(err)
	}
	switch x.Status {
	case types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress:
	default:
		if goesBack(x.Status) {
			return nil
		}
		return wrap(fmt.Errorf("it is %s: there is nothing to stop", x.Status))
	}
	if len(x.SourceServiceRevisions) == 0 {
		return wrap(fmt.Errorf("revision to go back to: %w", ErrNotFound))
	}
	var revisions []string
	for _, r := range x.SourceServiceRevisions { // several where another deployment was under way
		revisions = append(revisions, aws.ToString(r.Arn))
	}
	if err := runnable(ctx, api, revisions, resolver); err != nil {
		return wrap(err)
	}
	return wrap(awsretry.Mutation{
		Do: func(ctx context.Context) error {
			_, err := api.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: &d.Record, StopType: types.StopServiceDeploymentStopTypeRollback}, once)
			return err
		},
		Happened: func(ctx context.Context) (bool, error) {
			x, err := read(ctx)
			return err == nil && goesBack(x.Status), err
		},
		Interval: 2 * time.Second,
	}.Run(ctx))
}

func goesBack(s types.ServiceDeploymentStatus) bool {
	switch s {
	case types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed:
		return true
	}
	return false
}

// runnable returns nil if every image of the service revisions exists.
func runnable(ctx context.Context, api rollBackAPI, revisions []string, resolver func(context.Context, string) (string, error)) error {
	out, err := api.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: revisions})
	if err != nil {
		return err
	}
	if len(out.ServiceRevisions) < len(revisions) {
		return fmt.Errorf("revision to go back to: %w", ErrNotFound)
	}
	var missing []error
	for _, r := range out.ServiceRevisions {
		if len(r.ContainerImages) == 0 {
			return fmt.Errorf("revision %s names no image: whether it can run is not known", afterSlash(aws.ToString(r.ServiceRevisionArn)))
		}
		for _, c := range r.ContainerImages {
			ref := pinned(aws.ToString(c.Image), aws.ToString(c.ImageDigest))
			to, err := resolver(ctx, ref)
			if err != nil {
				return fmt.Errorf("container %s: image %s: %w", aws.ToString(c.ContainerName), ref, err)
			}
			if to == "" {
				missing = append(missing, fmt.Errorf("the revision to go back to cannot run: container %s: image %s: %w", aws.ToString(c.ContainerName), ref, ErrImageNotFound))
			}
		}
	}
	return errors.Join(missing...)
}
