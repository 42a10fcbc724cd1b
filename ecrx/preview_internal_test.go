package ecrx

// The oracle: AWS's own preview held against Evaluate. It is here for the tests of
// this package, on the simulated cloud or, with a client of one's own, on AWS.

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// PreviewAPI is StartLifecyclePolicyPreview, GetLifecyclePolicyPreview,
// GetLifecyclePolicy and DescribeImages of *ecr.Client.
type PreviewAPI interface {
	ecr.DescribeImagesAPIClient
	ecr.GetLifecyclePolicyPreviewAPIClient
	GetLifecyclePolicy(context.Context, *ecr.GetLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.GetLifecyclePolicyOutput, error)
	StartLifecyclePolicyPreview(context.Context, *ecr.StartLifecyclePolicyPreviewInput, ...func(*ecr.Options)) (*ecr.StartLifecyclePolicyPreviewOutput, error)
}

// PreviewOptions change [ComparePreview]. The zero value is the default.
type PreviewOptions struct {
	// Policy is tried instead of the repository's own.
	Policy *Policy
	// Interval is the time between polls. Defaults to 5 s.
	Interval time.Duration
	// Now is the moment of the evaluation. Defaults to time.Now: the two clocks
	// have to agree on days only.
	Now func() time.Time
}

// Preview is AWS's own preview held against [Policy.Evaluate].
type Preview struct {
	Repository Repository
	// Policy is what was tried.
	Policy *Policy
	// Acted is how many images AWS says it would act on.
	Acted int
	// Differences are those that no doubt of [Verdict] explains, Doubtful those
	// that one does.
	Differences, Doubtful []PreviewDifference
}

// PreviewDifference is one image about which the two disagree.
type PreviewDifference struct {
	Verdict Verdict
	// Action and Rule are AWS's; Keep and 0 where it does not name the image.
	Action Action
	Rule   int
}

// String is one line.
func (d PreviewDifference) String() string {
	return fmt.Sprintf("image %s: AWS says %s (rule %d), evaluated %s (rule %d)", d.Verdict.Image.Digest, d.Action, d.Rule, d.Verdict.Action, d.Verdict.Rule)
}

// ComparePreview has AWS preview a policy and compares the outcome, image by
// image, with [Policy.Evaluate] on the same repository: the test of this package
// against the truth. It changes no image. A preview that somebody else has
// under way is waited for first.
//
// Calls ecr:GetLifecyclePolicy unless a policy is given,
// ecr:StartLifecyclePolicyPreview, ecr:GetLifecyclePolicyPreview,
// ecr:DescribeImages. Safe to repeat.
func ComparePreview(ctx context.Context, api PreviewAPI, repo Repository, optFns ...func(*PreviewOptions)) (*Preview, error) {
	opts := PreviewOptions{Now: time.Now}
	for _, fn := range optFns {
		if fn != nil {
			fn(&opts)
		}
	}
	opts.Interval = cmp.Or(opts.Interval, 5*time.Second)
	out := &Preview{Repository: repo, Policy: opts.Policy}
	if out.Policy == nil {
		var err error
		if out.Policy, _, err = readPolicy(ctx, api, repo); err != nil {
			return nil, err
		}
		if out.Policy == nil {
			return nil, fmt.Errorf("repository %s: no lifecycle policy", repo)
		}
	}
	images, err := repo.Images(ctx, api)
	if err != nil {
		return nil, err
	}
	text := out.Policy.String()
	if err := startPreview(ctx, api, repo, text, opts.Interval); err != nil {
		return nil, err
	}
	results, err := awaitPreview(ctx, api, repo, opts.Interval)
	if err != nil {
		return nil, err
	}
	out.Acted = len(results)
	for _, v := range out.Policy.Evaluate(images, opts.Now()) {
		d := PreviewDifference{Verdict: v, Action: actionKeep}
		if r, ok := results[v.Image.Digest]; ok {
			d.Action, d.Rule = Action(strings.ToLower(string(r.Action.Type))), int(aws.ToInt32(r.AppliedRulePriority))
		}
		ours, rule := v.Action, v.Rule
		if ours == actionBlocked || rule == 0 { // a preview names neither what cannot go nor what goes with another
			ours, rule = actionKeep, 0
		}
		switch {
		case d.Action == ours && d.Rule == rule:
		case slices.Contains(v.Possible, d.Action) && (d.Rule == 0 || d.Rule == v.MatchedBy):
			out.Doubtful = append(out.Doubtful, d)
		default:
			out.Differences = append(out.Differences, d)
		}
	}
	return out, nil
}

func startPreview(ctx context.Context, api PreviewAPI, repo Repository, text string, every time.Duration) error {
	for _, err := range awsretry.Every(ctx, every, func(ctx context.Context) (struct{}, error) {
		_, err := api.StartLifecyclePolicyPreview(ctx, &ecr.StartLifecyclePolicyPreviewInput{
			RegistryId: repo.registry(), RepositoryName: &repo.Name, LifecyclePolicyText: &text}, repo.there)
		return struct{}{}, err
	}) {
		switch {
		case err == nil:
			return nil
		case !isA[*types.LifecyclePolicyPreviewInProgressException](err):
			return fmt.Errorf("repository %s: preview: %w", repo, err)
		}
		break
	}
	// Somebody else's: its results are not ours.
	if _, err := awaitPreview(ctx, api, repo, every); err != nil {
		return err
	}
	if err := poll.Sleep(ctx, every); err != nil {
		return err
	}
	return startPreview(ctx, api, repo, text, every)
}

func awaitPreview(ctx context.Context, api PreviewAPI, repo Repository, every time.Duration) (map[string]types.LifecyclePolicyPreviewResult, error) {
	results := map[string]types.LifecyclePolicyPreviewResult{}
	for done, err := range awsretry.Every(ctx, every, func(ctx context.Context) (bool, error) {
		var next *string
		for {
			out, err := api.GetLifecyclePolicyPreview(ctx, &ecr.GetLifecyclePolicyPreviewInput{
				RegistryId: repo.registry(), RepositoryName: &repo.Name, MaxResults: aws.Int32(100), NextToken: next}, repo.there)
			switch {
			case err != nil:
				return false, err
			case out.Status == types.LifecyclePolicyPreviewStatusInProgress:
				return false, nil
			case out.Status != types.LifecyclePolicyPreviewStatusComplete:
				return false, fmt.Errorf("preview is %s", out.Status)
			}
			for _, r := range out.PreviewResults {
				results[aws.ToString(r.ImageDigest)] = r
			}
			if next = out.NextToken; next == nil {
				return true, nil
			}
		}
	}) {
		if err != nil {
			return nil, fmt.Errorf("repository %s: preview: %w", repo, err)
		}
		if done {
			break
		}
	}
	return results, nil
}
