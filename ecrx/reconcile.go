package ecrx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// ReconcileAPI is DescribeImages, BatchGetImage, PutImage, BatchDeleteImage and
// GetLifecyclePolicy of *ecr.Client.
type ReconcileAPI interface {
	RestoreAPI
	UnpinAPI
	GetLifecyclePolicy(context.Context, *ecr.GetLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.GetLifecyclePolicyOutput, error)
}

// Reconciled is what [Image.ReconcilePins] did, or would do.
type Reconciled struct {
	Repository Repository `json:"repository"`
	// Pinned are the images that got a pin, Unpinned the pins that went.
	Pinned   []Restored `json:"pinned,omitempty"`
	Unpinned []TagEvent `json:"unpinned,omitempty"`
	// Kept are pins that should go and are the last tag of their image.
	Kept []TagEvent `json:"kept,omitempty"`
	// Missing are the digests that cannot be pinned: not there, or archived.
	Missing []string `json:"missing,omitempty"`
	// Covered is true when the first rule of the repository's policy matches
	// every pin, and so keeps all other rules away from them; also where there
	// is no policy. Room is how many more pins that rule keeps, if it counts.
	Covered bool `json:"covered"`
	Room    int  `json:"room,omitempty"`
	DryRun  bool `json:"dryRun,omitempty"`
}

// ReconcilePins makes the pins of img's repository those of the given digests,
// exactly: missing pins are added first, then surplus ones are removed, but never
// an image's last tag. Tag and digest of img do not matter, nor do the options From
// and Move.
//
// Calls ecr:GetLifecyclePolicy, ecr:DescribeImages, ecr:BatchGetImage,
// ecr:PutImage, ecr:BatchDeleteImage. Safe to repeat; after an error, repeat it to
// get the rest done.
func (img Image) ReconcilePins(ctx context.Context, api ReconcileAPI, digests []string, optFns ...func(*TagOptions)) (*Reconciled, error) {
	opts := tagOptions(optFns)
	opts.Move, opts.From = false, Image{}
	repo := img.Repo()
	if repo.Name == "" {
		return nil, fmt.Errorf("image %s: is not in ECR", img)
	}
	out := &Reconciled{Repository: repo, DryRun: opts.DryRun}
	policy, _, err := readPolicy(ctx, api, repo)
	if err != nil {
		return nil, err
	}
	images, err := awsretry.Read(ctx, opts.Interval, tries, func(ctx context.Context) ([]Stored, error) { return repo.Images(ctx, api) })
	if err != nil {
		return nil, err
	}
	out.Covered, out.Room = covers(policy, opts.Prefix, len(digests))
	pinner := tagger{api: api, repo: repo, opts: opts}
	known := newInventory()
	known.add(images...)
	wanted := slices.Compact(slices.Sorted(slices.Values(digests)))
	for _, d := range wanted {
		if x, ok := known.byDigest[d]; ok && len(x.pins(opts.Prefix)) > 0 {
			continue
		}
		img.Tag, img.Digest = "", d
		pinned, err := pinner.pin(ctx, img)
		switch {
		case errors.Is(err, ErrNotFound):
			out.Missing = append(out.Missing, d)
		case err != nil:
			return out, err
		case pinned.Changed:
			out.Pinned = append(out.Pinned, *pinned)
		}
	}
	unpinner := untagger{api: api, repo: repo, opts: opts}
	for _, x := range known.all(nil) {
		if slices.Contains(wanted, x.Digest) {
			continue
		}
		for _, tag := range x.pins(opts.Prefix) {
			e := TagEvent{Repository: repo, Tag: tag, From: x.Digest}
			done, err := unpinner.remove(ctx, x.Digest, tag)
			switch {
			case errors.Is(err, ErrLastTag):
				out.Kept = append(out.Kept, e)
			case err != nil:
				return out, err
			case done:
				out.Unpinned = append(out.Unpinned, e)
			}
		}
	}
	return out, nil
}

// covers reports whether the first rule of the policy matches every pin with
// the prefix and keeps n of them, and how many more.
func covers(p *Policy, prefix string, n int) (bool, int) {
	if p == nil {
		return true, 0
	}
	for _, r := range p.Rules {
		s := r.Selection
		if s.archive() {
			continue
		}
		// Every pin, whatever other tags the image has: a pin alone must do.
		all := s.TagStatus == tagged && s.Matches([]string{prefix + "-0123456789ab"}) && s.Matches([]string{prefix + "-fedcba987654"})
		room := s.CountNumber - n
		return all && s.CountType == countMoreThan && room >= 0, max(room, 0)
	}
	return true, 0
}
