package ecrsim

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Interval is the time between two executions of a repository's policy: "within
// 24 hours after they meet the criteria"
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html).
const Interval = 24 * time.Hour

// A PolicyExecution is one run of a lifecycle policy that did or attempted
// something: what CloudTrail shows as a PolicyExecutionEvent
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html).
type PolicyExecution struct {
	At         time.Time
	Repository string
	Policy     string
	Actions    []ImageAction
	Failures   []ActionFailure
}

// An ImageAction is what a rule did to an image.
type ImageAction struct {
	At       time.Time
	Digest   string
	Tags     []string
	PushedAt time.Time
	// Rule is the priority of the rule that acted; Action is "expire" or "transition".
	Rule   int
	Action string
}

// An ActionFailure is what a rule could not do.
type ActionFailure struct {
	Digest       string
	Rule         int
	Code, Reason string
}

// History is every execution so far that did or attempted something.
func (s *Service) History() []PolicyExecution { return slices.Clone(s.history) }

// Gone finds the last thing that a lifecycle policy did to the image of the
// repository that has or had the digest or tag.
func (s *Service) Gone(repository, digestOrTag string) (ImageAction, bool) {
	for _, e := range slices.Backward(s.history) {
		for _, a := range slices.Backward(e.Actions) {
			if e.Repository == repository && (a.Digest == digestOrTag || slices.Contains(a.Tags, digestOrTag)) {
				return a, true
			}
		}
	}
	return ImageAction{}, false
}

// schedule makes the clock execute the repository's policy daily.
func (s *Service) schedule(r *repository) {
	r.job++
	mine := r.job
	var daily func()
	daily = func() {
		if r.job != mine || r.policy == nil {
			return
		}
		s.execute(r)
		s.w.After(Interval, daily)
	}
	s.w.After(Interval, daily)
}

func (s *Service) execute(r *repository) {
	now := s.w.Now()
	r.evaluated = now
	text, err := r.policy.text()
	if err != nil {
		text = err.Error()
	}
	e := PolicyExecution{At: now, Repository: r.name, Policy: text}
	for _, v := range evaluate(r.policy, r.sortedImages(), r.tagsOf, now) {
		i := v.image
		if parents := r.holders(i.digest); len(parents) > 0 {
			e.Failures = append(e.Failures, ActionFailure{Digest: i.digest, Rule: v.rule.Priority,
				Code: string(types.ImageFailureCodeImageReferencedByManifestList), Reason: "Requested image referenced by manifest list: " + listed(parents)})
			continue
		}
		e.Actions = append(e.Actions, ImageAction{At: now, Digest: i.digest, Tags: r.tagsOf(i.digest), PushedAt: i.pushed, Rule: v.rule.Priority, Action: v.rule.Action.Type})
		if v.rule.Action.Type == actionTransition {
			i.status, i.archived = types.ImageStatusArchived, now
			continue
		}
		s.w.As("lifecycle policy of "+r.name, func() { s.remove(r, i) })
	}
	if len(e.Actions)+len(e.Failures) > 0 {
		s.history = append(s.history, e)
	}
}

// PutLifecyclePolicy implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutLifecyclePolicy.html
func (s *Service) PutLifecyclePolicy(_ context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	r, err := s.repo("PutLifecyclePolicy", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	p, err := parsePolicy(aws.ToString(in.LifecyclePolicyText))
	if err != nil {
		return nil, err
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	first := r.policy == nil
	r.policy, r.evaluated = p, time.Unix(0, 0).UTC()
	if first {
		s.schedule(r)
	}
	return &ecr.PutLifecyclePolicyOutput{LifecyclePolicyText: aws.String(text), RegistryId: aws.String(s.w.Account), RepositoryName: aws.String(r.name)}, nil
}

// GetLifecyclePolicy implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetLifecyclePolicy.html;
// lastEvaluatedAt is the epoch before the first execution (docs/aws/ecr.md 1.1).
func (s *Service) GetLifecyclePolicy(_ context.Context, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	r, err := s.repo("GetLifecyclePolicy", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if r.policy == nil {
		return nil, s.noPolicy(r.name)
	}
	text, err := r.policy.text()
	if err != nil {
		return nil, err
	}
	return &ecr.GetLifecyclePolicyOutput{LastEvaluatedAt: aws.Time(r.evaluated), LifecyclePolicyText: aws.String(text),
		RegistryId: aws.String(s.w.Account), RepositoryName: aws.String(r.name)}, nil
}

// DeleteLifecyclePolicy implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteLifecyclePolicy.html
func (s *Service) DeleteLifecyclePolicy(_ context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	r, err := s.repo("DeleteLifecyclePolicy", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if r.policy == nil {
		return nil, s.noPolicy(r.name)
	}
	text, err := r.policy.text()
	if err != nil {
		return nil, err
	}
	out := &ecr.DeleteLifecyclePolicyOutput{LastEvaluatedAt: aws.Time(r.evaluated), LifecyclePolicyText: aws.String(text),
		RegistryId: aws.String(s.w.Account), RepositoryName: aws.String(r.name)}
	r.policy = nil
	r.job++
	return out, nil
}
