package ecrx

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
)

// FreezeAPI is DescribeImages, GetLifecyclePolicy, PutLifecyclePolicy and
// DeleteLifecyclePolicy of *ecr.Client.
type FreezeAPI interface {
	ecr.DescribeImagesAPIClient
	ThawAPI
}

// ThawAPI is GetLifecyclePolicy, PutLifecyclePolicy and DeleteLifecyclePolicy
// of *ecr.Client.
type ThawAPI interface {
	GetLifecyclePolicy(context.Context, *ecr.GetLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.GetLifecyclePolicyOutput, error)
	PutLifecyclePolicy(context.Context, *ecr.PutLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.PutLifecyclePolicyOutput, error)
	DeleteLifecyclePolicy(context.Context, *ecr.DeleteLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.DeleteLifecyclePolicyOutput, error)
}

// FreezeOptions change [Repository.Freeze] and [Frozen.Thaw]. The zero value is the
// default.
type FreezeOptions struct {
	// DryRun changes nothing: the answer is what would be done.
	DryRun bool
	// Plan, where set, is the answer of an earlier call that was shown to
	// somebody: when the repository's policy is no longer the one it saw, or the
	// new one would not be the one it announced, nothing is changed and the
	// error is [ErrPolicyChanged]. When it was carried out already, by a run
	// that was cut off, it is the answer, as applied.
	Plan *Frozen
	// Pushes is how many pushes within the time are expected: a rule that
	// counts, and would take a needed image with that many more, is taken out
	// too. Defaults to 10; a negative value means none.
	Pushes int
	// Now is the moment from which the time counts. Defaults to time.Now.
	Now func() time.Time
	// Interval is the time between tries of a call that failed for a passing
	// reason. Defaults to 2 s.
	Interval time.Duration
}

// frozenVersion is the Version of a [Frozen].
const frozenVersion = 1

// ErrPolicyChanged is returned by [Repository.Freeze] and [Frozen.Thaw] if a
// lifecycle policy is not the one that was expected: it was left alone.
var ErrPolicyChanged = errors.New("lifecycle policy has changed in between")

// Freeze takes those rules out of the repository's lifecycle policy that would,
// within the given time, delete or archive an image that is needed, under any
// reading of what is not certain; what a removed rule shielded is looked at
// again. Its answer has the original, for [Frozen.Thaw].
//
// needed are images of the repository, by digest, by tag, or by both: then the
// digest counts, and is taken to have the tag as well, as after [Image.RestoreTag].
// An image that is archived, or not there, is taken to be put back, as old as
// it can be. More than 24 hours should be given: ECR acts that late.
//
// When the policy is changed by somebody else meanwhile, nothing is changed and
// the error is [ErrPolicyChanged].
//
// Calls ecr:GetLifecyclePolicy, ecr:DescribeImages; without DryRun
// ecr:PutLifecyclePolicy or ecr:DeleteLifecyclePolicy. Safe to repeat: rules
// that are gone are nothing to do. Old is then what was left of them: keep the
// first answer, or give it as Plan.
func (repo Repository) Freeze(ctx context.Context, api FreezeAPI, needed []Image, within time.Duration, optFns ...func(*FreezeOptions)) (*Frozen, error) {
	opts := freezeOptions(ctx, optFns)
	policy, text, err := rereadPolicy(ctx, api, repo, opts.Interval)
	if err != nil {
		return nil, err
	}
	now := opts.Now()
	out := &Frozen{Version: frozenVersion, Repository: repo, At: now.UTC(), Until: now.Add(within).UTC(), Old: text, New: text}
	if policy == nil {
		if opts.Plan != nil {
			if done, err := opts.Plan.agrees(nil, nil, false); done != nil || err != nil {
				return done, err
			}
		}
		return out, nil
	}
	images, err := awsretry.Read(ctx, opts.Interval, tries, func(ctx context.Context) ([]Stored, error) { return repo.Images(ctx, api) })
	if err != nil {
		return nil, err
	}
	rest := out.takeOut(policy, images, needed, opts.Pushes)
	if rest == nil {
		out.New = ""
	} else if out.Changes() {
		out.New = rest.String()
	}
	if opts.Plan != nil {
		if done, err := opts.Plan.agrees(policy, rest, out.Changes()); done != nil || err != nil {
			return done, err
		}
	}
	if opts.DryRun || !out.Changes() {
		return out, nil
	}
	if err := setPolicy(ctx, api, repo, policy, rest, out.New, opts.Interval); err != nil {
		return nil, err
	}
	out.Applied = true
	return out, nil
}

func freezeOptions(ctx context.Context, optFns []func(*FreezeOptions)) FreezeOptions {
	opts := FreezeOptions{Now: func() time.Time { return clock.Now(ctx) }}
	for _, fn := range optFns {
		if fn != nil {
			fn(&opts)
		}
	}
	opts.Pushes = cmp.Or(opts.Pushes, 10)
	opts.Interval = cmp.Or(opts.Interval, 2*time.Second)
	return opts
}

func parseOrNil(text string) (*Policy, error) {
	if text == "" {
		return nil, nil
	}
	return ParsePolicy(text)
}

func rereadPolicy(ctx context.Context, api getPolicyAPI, repo Repository, every time.Duration) (*Policy, string, error) {
	var text string
	p, err := awsretry.Read(ctx, every, tries, func(ctx context.Context) (p *Policy, err error) {
		p, text, err = readPolicy(ctx, api, repo)
		return p, err
	})
	return p, text, err
}
