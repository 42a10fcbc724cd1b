package ecsx

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
)

// once keeps the SDK from repeating a call whose answer was lost: repeating it
// would do it twice.
func once(o *ecs.Options) { o.RetryMaxAttempts = 1 }

// register finds or makes the revision. Of equal ones that several callers
// register at once the oldest is taken, and the others are deregistered by those
// who made them.
func (d *deployer) register(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (arn string, registered bool, err error) {
	if arn, err = d.reusable(ctx, in); err != nil || arn != "" {
		if arn != "" {
			d.observe("reused", arn, "uses revision %s again", afterSlash(arn))
		}
		return arn, false, err
	}
	err = awsretry.Mutation{
		Do: func(ctx context.Context) error {
			out, err := d.api.RegisterTaskDefinition(ctx, in, once)
			if err == nil {
				arn = aws.ToString(out.TaskDefinition.TaskDefinitionArn)
			}
			return err
		},
		Happened: func(ctx context.Context) (bool, error) {
			var err error
			arn, err = d.reusable(ctx, in)
			return arn != "", err
		},
		Again: concurrent, Interval: d.opts.Interval,
	}.Run(ctx)
	if err != nil {
		return "", false, fmt.Errorf("service %s: register family %s: %w", d.svc, aws.ToString(in.Family), err)
	}
	oldest, err := d.reusable(ctx, in)
	if err == nil && oldest != "" && oldest != arn {
		d.observe("reused", oldest, "revision %s is equal and older: %s is not needed", afterSlash(oldest), afterSlash(arn))
		return oldest, false, d.deregister(ctx, arn)
	}
	d.observe("registered", arn, "registered revision %s", afterSlash(arn))
	return arn, true, nil // that the others could not be read does not matter
}

// deregister takes a revision back that nothing uses, also when ctx has ended.
func (d *deployer) deregister(ctx context.Context, arn string) error {
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := d.api.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &arn}); err != nil {
		return fmt.Errorf("service %s: revision %s is left behind: %w", d.svc, afterSlash(arn), err)
	}
	d.observe("deregistered", arn, "deregistered revision %s again", afterSlash(arn))
	return nil
}

// concurrent is an error that ECS gives when revisions of one family are
// registered at the same moment; the SDK does not retry it (docs/aws/ecs.md
// 1.5).
func concurrent(err error) bool {
	e, ok := errors.AsType[*types.ClientException](err)
	return ok && strings.Contains(e.ErrorMessage(), "Too many concurrent attempts")
}

// reusable is the oldest of the newest ACTIVE revisions that this package
// registered and that is what in would register, or "".
func (d *deployer) reusable(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (string, error) {
	const looked = 5 // revisions, newest first: an older one is not worth the calls
	list, err := d.api.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: in.Family, Sort: types.SortOrderDesc, MaxResults: aws.Int32(looked)})
	if err != nil {
		return "", fmt.Errorf("service %s: family %s: %w", d.svc, aws.ToString(in.Family), err)
	}
	found := ""
	for _, arn := range list.TaskDefinitionArns {
		td, err := d.api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
		if err != nil {
			return "", fmt.Errorf("service %s: task definition %s: %w", d.svc, afterSlash(arn), err)
		}
		if td.TaskDefinition.Status == types.TaskDefinitionStatusActive && hasTag(td.Tags, tagOwner, ownerValue) && same(clone(td.TaskDefinition, td.Tags), in) {
			found = arn
		}
	}
	return found, nil
}

// same compares what two inputs would register; tags do not matter, nor does
// the difference between a list that is empty and one that is left out.
func same(a, b *ecs.RegisterTaskDefinitionInput) bool {
	strip := func(in *ecs.RegisterTaskDefinitionInput) any {
		c := *in
		c.Tags = nil
		c.ContainerDefinitions = slices.Clone(c.ContainerDefinitions)
		for i := range c.ContainerDefinitions {
			if e := c.ContainerDefinitions[i].Essential; e == nil {
				c.ContainerDefinitions[i].Essential = aws.Bool(true) // the documented default
			}
		}
		return deepCopy(reflect.ValueOf(c)).Interface()
	}
	return reflect.DeepEqual(strip(a), strip(b))
}
