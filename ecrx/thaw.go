package ecrx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// Thaw puts the policy back that [Repository.Freeze] found. The text returned is
// what is in force or, with DryRun, would be. It returns [ErrPolicyChanged], and changes
// nothing, if the policy is neither the one before nor the one after the freeze.
//
// Calls ecr:GetLifecyclePolicy, and without DryRun ecr:PutLifecyclePolicy, or
// ecr:DeleteLifecyclePolicy where there was none. Safe to repeat.
func (f *Frozen) Thaw(ctx context.Context, api ThawAPI, optFns ...func(*FreezeOptions)) (string, error) {
	if f == nil {
		return "", errors.New("thaw: no frozen policy")
	}
	opts := freezeOptions(ctx, optFns)
	before, errBefore := parseOrNil(f.Old)
	after, errAfter := parseOrNil(f.New)
	if err := errors.Join(errBefore, errAfter); err != nil {
		return "", fmt.Errorf("repository %s: %w", f.Repository, err)
	}
	policy, text, err := rereadPolicy(ctx, api, f.Repository, opts.Interval)
	switch {
	case err != nil:
		return "", err
	case policy.Equal(before):
		return text, nil
	case !policy.Equal(after):
		return "", fmt.Errorf("repository %s: %w", f.Repository, ErrPolicyChanged)
	case opts.DryRun:
		return f.Old, nil
	}
	if err := setPolicy(ctx, api, f.Repository, after, before, f.Old, opts.Interval); err != nil {
		return "", err
	}
	return f.Old, nil
}

// setPolicy puts to in place of from, nil being no policy. What is in force is
// read before every try: an answer may get lost, and somebody else may have
// changed it.
func setPolicy(ctx context.Context, api ThawAPI, repo Repository, from, to *Policy, text string, every time.Duration) error {
	there := func(ctx context.Context) (bool, error) {
		now, _, err := rereadPolicy(ctx, api, repo, every)
		if err == nil && !now.Equal(to) && !now.Equal(from) {
			err = fmt.Errorf("repository %s: %w", repo, ErrPolicyChanged)
		}
		return err == nil && now.Equal(to), err
	}
	if done, err := there(ctx); done || err != nil {
		return err
	}
	err := awsretry.Mutation{Interval: every, Happened: there, Do: func(ctx context.Context) (err error) {
		if to == nil {
			_, err = api.DeleteLifecyclePolicy(ctx, &ecr.DeleteLifecyclePolicyInput{RegistryId: repo.registry(), RepositoryName: &repo.Name}, once, repo.there)
		} else {
			_, err = api.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RegistryId: repo.registry(), RepositoryName: &repo.Name, LifecyclePolicyText: aws.String(text)}, once, repo.there)
		}
		return err
	}}.Run(ctx)
	if err != nil {
		return fmt.Errorf("repository %s: lifecycle policy: %w", repo, err)
	}
	return nil
}
