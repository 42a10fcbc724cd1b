package ecrx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/poll"
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
	GetPolicyAPI
	PutLifecyclePolicy(context.Context, *ecr.PutLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.PutLifecyclePolicyOutput, error)
	DeleteLifecyclePolicy(context.Context, *ecr.DeleteLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.DeleteLifecyclePolicyOutput, error)
}

// FreezeOptions change [Freeze] and [Thaw]. The zero value is the default, and
// changes nothing in the account.
type FreezeOptions struct {
	// Apply carries it out. Without it the answer is what would be done.
	Apply bool
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
	// Every is the pause between two tries of a call that failed for a passing
	// reason. Defaults to 2 s.
	Every time.Duration
}

// FrozenVersion is the Version of a [Frozen].
const FrozenVersion = 1

// Frozen is a lifecycle policy less the rules that would take needed images: a
// plan, or what was done. Kept as JSON it is all that [Thaw] needs.
type Frozen struct {
	Version    int        `json:"version"`
	Repository Repository `json:"repository"`
	// At is when it was worked out, Until the end of the time it is for.
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	// Old is the text of the policy before, byte for byte; New after, "" where
	// the policy is deleted because no rule is left. They are equal where
	// nothing has to be done.
	Old string `json:"old"`
	New string `json:"new"`
	// Removed are the rules that were taken out, and why.
	Removed []RemovedRule `json:"removed,omitempty"`
	// Absent are the needed images that are not there now. What would take them
	// if they were put back is in Removed too.
	Absent []string `json:"absent,omitempty"`
	// Applied is true when New is in force.
	Applied bool `json:"applied"`
}

// RemovedRule is a rule that [Freeze] takes out.
type RemovedRule struct {
	Rule Rule `json:"rule"`
	// Image is a needed image that it would take, Reason why.
	Image  string `json:"image"`
	Reason string `json:"reason"`
}

// Changes reports whether there is anything to take out.
func (f *Frozen) Changes() bool { return len(f.Removed) > 0 }

// Over reports whether the time that the policy was frozen for has passed, so
// that [Thaw] is due.
func (f *Frozen) Over(now time.Time) bool { return f.Applied && !now.Before(f.Until) }

// String is one line for each rule.
func (f *Frozen) String() string {
	if !f.Changes() {
		return fmt.Sprintf("repository %s: no rule takes a needed image until %s", f.Repository, f.Until.UTC().Format(time.RFC3339))
	}
	verb := "take out"
	if f.Applied {
		verb = "took out"
	}
	var lines []string
	for _, r := range f.Removed {
		lines = append(lines, fmt.Sprintf("repository %s: %s %s: image %s: %s", f.Repository, verb, r.Rule, r.Image, r.Reason))
	}
	return strings.Join(lines, "\n")
}

// ErrPolicyChanged means that a lifecycle policy is not the one that was
// expected, so that it was left alone.
var ErrPolicyChanged = errors.New("lifecycle policy has changed in between")

// Freeze takes those rules out of a repository's lifecycle policy that would,
// within the given time, delete or archive an image that is needed, under any
// reading of what is not certain; what a removed rule shielded is looked at
// again. It changes nothing unless Apply says so, and keeps the original in its
// answer for [Thaw].
//
// needed are images of the repository, by digest, by tag, or by both: then the
// digest counts, and is taken to have the tag as well, as after [RestoreTag].
// An image that is archived, or not there, is taken to be put back, as old as
// it can be. More than 24 hours should be given: ECR acts that late.
//
// When the policy is changed by somebody else meanwhile, nothing is changed and
// the error is [ErrPolicyChanged].
//
// Calls ecr:GetLifecyclePolicy, ecr:DescribeImages; with Apply
// ecr:PutLifecyclePolicy or ecr:DeleteLifecyclePolicy. Safe to repeat: rules
// that are gone are nothing to do. Old is then what was left of them: keep the
// first answer, or give it as Plan.
func Freeze(ctx context.Context, api FreezeAPI, repo Repository, needed []Image, within time.Duration, optFns ...func(*FreezeOptions)) (*Frozen, error) {
	opts := freezeOptions(optFns)
	policy, text, err := ridePolicy(ctx, api, repo, opts.Every)
	if err != nil {
		return nil, err
	}
	now := opts.Now()
	out := &Frozen{Version: FrozenVersion, Repository: repo, At: now.UTC(), Until: now.Add(within).UTC(), Old: text, New: text}
	if policy == nil {
		if opts.Plan != nil {
			if done, err := opts.Plan.agrees(nil, nil, false); done != nil || err != nil {
				return done, err
			}
		}
		return out, nil
	}
	images, err := ride(ctx, opts.Every, func() ([]Stored, error) { return Images(ctx, api, repo) })
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
	if !opts.Apply || !out.Changes() {
		return out, nil
	}
	if err := setPolicy(ctx, api, repo, policy, rest, out.New, opts.Every); err != nil {
		return nil, err
	}
	out.Applied = true
	return out, nil
}

// agrees holds the plan f against the policy that is in force and what would
// become of it now: an error where they differ, f as done where it was carried
// out already.
func (f *Frozen) agrees(now, rest *Policy, changes bool) (*Frozen, error) {
	before, errBefore := parseOrNil(f.Old)
	after, errAfter := parseOrNil(f.New)
	switch err := errors.Join(errBefore, errAfter); {
	case err != nil:
		return nil, fmt.Errorf("repository %s: plan: %w", f.Repository, err)
	case now.Equal(before) && rest.Equal(after):
		return nil, nil
	case now.Equal(after) && !changes:
		done := *f
		done.Applied = true
		return &done, nil
	}
	return nil, fmt.Errorf("repository %s: %w", f.Repository, ErrPolicyChanged)
}

// Thaw puts the policy back that [Freeze] found. It changes nothing unless
// Apply says so; the text returned is what is, or would be, in force. A policy
// that is neither the one before nor the one after the freeze is left alone:
// [ErrPolicyChanged].
//
// Calls ecr:GetLifecyclePolicy, and with Apply ecr:PutLifecyclePolicy, or
// ecr:DeleteLifecyclePolicy where there was none. Safe to repeat.
func Thaw(ctx context.Context, api ThawAPI, f *Frozen, optFns ...func(*FreezeOptions)) (string, error) {
	opts := freezeOptions(optFns)
	before, errBefore := parseOrNil(f.Old)
	after, errAfter := parseOrNil(f.New)
	if err := errors.Join(errBefore, errAfter); err != nil {
		return "", fmt.Errorf("repository %s: %w", f.Repository, err)
	}
	policy, text, err := ridePolicy(ctx, api, f.Repository, opts.Every)
	switch {
	case err != nil:
		return "", err
	case policy.Equal(before):
		return text, nil
	case !policy.Equal(after):
		return "", fmt.Errorf("repository %s: %w", f.Repository, ErrPolicyChanged)
	case !opts.Apply:
		return f.Old, nil
	}
	if err := setPolicy(ctx, api, f.Repository, after, before, f.Old, opts.Every); err != nil {
		return "", err
	}
	return f.Old, nil
}

func freezeOptions(optFns []func(*FreezeOptions)) FreezeOptions {
	opts := FreezeOptions{Now: time.Now}
	for _, fn := range optFns {
		fn(&opts)
	}
	opts.Pushes = cmp.Or(opts.Pushes, 10)
	opts.Every = cmp.Or(opts.Every, 2*time.Second)
	return opts
}

func parseOrNil(text string) (*Policy, error) {
	if text == "" {
		return nil, nil
	}
	return ParsePolicy(text)
}

func ridePolicy(ctx context.Context, api GetPolicyAPI, repo Repository, every time.Duration) (*Policy, string, error) {
	var text string
	p, err := ride(ctx, every, func() (p *Policy, err error) {
		p, text, err = readPolicy(ctx, api, repo)
		return p, err
	})
	return p, text, err
}

// takeOut fills in what goes and returns what is left; nil for nothing.
func (f *Frozen) takeOut(p *Policy, images []Stored, needed []Image, pushes int) *Policy {
	tried, names, absent := suppose(images, needed)
	f.Absent = absent
	for p != nil {
		var out []int
		// As they will be, and as they are: in the archive other rules reach them.
		for _, v := range slices.Concat(Evaluate(p, tried, f.Until), Evaluate(p, images, f.Until)) {
			name, ok := names[v.Image.Digest]
			counted := v.PushesLeft > 0 && v.PushesLeft <= pushes
			if !ok || v.MatchedBy == 0 || !v.MayGo() && v.Action != Blocked && !counted || slices.Contains(out, v.MatchedBy) {
				continue
			}
			out = append(out, v.MatchedBy)
			r := p.Rules[slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Priority == v.MatchedBy })]
			f.Removed = append(f.Removed, RemovedRule{Rule: r, Image: name, Reason: v.Reason})
		}
		if len(out) == 0 {
			break
		}
		p = p.Without(out...)
	}
	slices.SortFunc(f.Removed, func(a, b RemovedRule) int { return byPriority(a.Rule, b.Rule) })
	return p
}

// suppose is the repository as it will be when what is needed was put back:
// every needed image in the standard class, as old as it can be.
func suppose(images []Stored, needed []Image) (tried []Stored, names map[string]string, absent []string) {
	known := newInventory()
	known.add(images...)
	names = map[string]string{}
	for _, img := range needed {
		name := cmp.Or(img.Digest, img.Tag)
		digest := cmp.Or(img.Digest, known.tags[img.Tag])
		x, ok := known.byDigest[digest]
		if !ok {
			absent = append(absent, name)
			x = Stored{Digest: cmp.Or(digest, name)}
		}
		if img.Tag != "" && !slices.Contains(x.Tags, img.Tag) {
			x.Tags = append(slices.Clone(x.Tags), img.Tag)
		}
		if x.Status == types.ImageStatusArchived || x.Status == types.ImageStatusActivating {
			x.Status = types.ImageStatusActive
		}
		known.add(x)
		names[x.Digest] = name
	}
	return known.all(nil), names, absent
}

// setPolicy puts to in place of from, nil being no policy. What is in force is
// read before every try: an answer may get lost, and somebody else may have
// changed it.
func setPolicy(ctx context.Context, api ThawAPI, repo Repository, from, to *Policy, text string, every time.Duration) error {
	for n := 1; ; n++ {
		now, _, err := ridePolicy(ctx, api, repo, every)
		switch {
		case err != nil:
			return err
		case now.Equal(to):
			return nil
		case !now.Equal(from):
			return fmt.Errorf("repository %s: %w", repo, ErrPolicyChanged)
		}
		if to == nil {
			_, err = api.DeleteLifecyclePolicy(ctx, &ecr.DeleteLifecyclePolicyInput{RegistryId: repo.registry(), RepositoryName: &repo.Name}, once, repo.there)
		} else {
			_, err = api.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RegistryId: repo.registry(), RepositoryName: &repo.Name, LifecyclePolicyText: aws.String(text)}, once, repo.there)
		}
		if err == nil {
			return nil
		}
		if n == tries || !poll.Transient(err) {
			return fmt.Errorf("repository %s: lifecycle policy: %w", repo, err)
		}
		if err := poll.Sleep(ctx, every); err != nil {
			return err
		}
	}
}
