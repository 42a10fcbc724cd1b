package cfnx

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Uses yields every image that a stack's resources need, those of nested stacks
// too, with who needs it, such as "stack web: Task". It goes by the resources
// that exist, not by the text of templates. images says which images a resource
// of a type needs, nil says that none does; ecsx.TaskDefinitionImages does for
// task definitions.
//
// An error is yielded at most once, last: what was yielded then is not all. The
// sequence can be ranged over once. Its type is also that of package ecrx.
//
// Calls cloudformation:ListStackResources, for each stack and page once. Safe
// to repeat.
func Uses(ctx context.Context, api cfn.ListStackResourcesAPIClient, stack string, images func(ctx context.Context, resourceType, physicalID string) ([]string, error)) iter.Seq2[struct{ Ref, By string }, error] {
	return func(yield func(struct{ Ref, By string }, error) bool) {
		u := stackUses{api: api, images: images, yield: yield}
		if err := u.walk(ctx, stack, 0); err != nil && !u.stopped {
			yield(struct{ Ref, By string }{}, err)
		}
	}
}

type stackUses struct {
	api     cfn.ListStackResourcesAPIClient
	images  func(ctx context.Context, resourceType, physicalID string) ([]string, error)
	yield   func(struct{ Ref, By string }, error) bool
	stopped bool
}

func (u *stackUses) walk(ctx context.Context, stack string, depth int) error {
	if stack == "" {
		return errors.New("stack name is empty: give a stack's name or ARN")
	}
	name := nameOf(stack)
	if depth > maxNesting {
		return fmt.Errorf("stack %s: nested deeper than %d", name, maxNesting)
	}
	for p := cfn.NewListStackResourcesPaginator(u.api, &cfn.ListStackResourcesInput{StackName: &stack}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return stackErr(name, err)
		}
		for _, r := range page.StackResourceSummaries {
			id, typ := aws.ToString(r.PhysicalResourceId), aws.ToString(r.ResourceType)
			if id == "" || r.ResourceStatus == types.ResourceStatusDeleteComplete {
				continue
			}
			if typ == nestedType {
				if err := u.walk(ctx, id, depth+1); err != nil || u.stopped {
					return err
				}
				continue
			}
			if u.images == nil {
				continue
			}
			refs, err := u.images(ctx, typ, id)
			if err != nil {
				return fmt.Errorf("stack %s: %s: %w", name, aws.ToString(r.LogicalResourceId), err)
			}
			for _, ref := range refs {
				if u.stopped = !u.yield(struct{ Ref, By string }{ref, "stack " + name + ": " + aws.ToString(r.LogicalResourceId)}, nil); u.stopped {
					return nil
				}
			}
		}
	}
	return nil
}
