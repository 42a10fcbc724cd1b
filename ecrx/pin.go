package ecrx

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// pinPrefix is what the tags of [Image.Pin] begin with where nothing else is said.
const pinPrefix = "pin"

// pinDigits is how much of a digest a pin shows, at first.
const pinDigits = 12

// Pin gives the image of img's digest a tag of its own, such as
// "pin-0123456789ab", that a lifecycle rule can keep; see [Policy.Propose]. A pin
// protects nothing by itself: the policy needs such a rule, first.
//
// Calls ecr:DescribeImages, ecr:BatchGetImage, ecr:PutImage. Safe to repeat: an
// image that is pinned already is left alone.
func (img Image) Pin(ctx context.Context, api RestoreAPI, optFns ...func(*TagOptions)) (*Restored, error) {
	t := tagger{api: api, repo: img.Repo(), opts: tagOptions(optFns)}
	if img.Digest == "" || t.repo.Name == "" {
		return nil, fmt.Errorf("image %s: only an image in ECR, by digest, can be pinned", img)
	}
	return t.pin(ctx, img)
}

func (t *tagger) pin(ctx context.Context, img Image) (*Restored, error) {
	x, err := t.look(ctx, "", img.Digest)
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, &StatusError{Status{Ref: img.String(), Image: img, State: stateMissing}}
	}
	for _, tag := range x.Tags {
		if isPin(t.opts.Prefix, tag, img.Digest) {
			img.Tag = tag
			return &Restored{Image: img, DryRun: t.opts.DryRun}, nil
		}
	}
	hex := hexOf(img.Digest)
	for n := min(pinDigits, len(hex)); ; n++ {
		img.Tag = t.opts.Prefix + "-" + hex[:n]
		now, err := t.look(ctx, img.Tag, "")
		if err != nil {
			return nil, err
		}
		if now != nil && now.Digest != img.Digest && n < len(hex) {
			continue // another digest begins with the same digits
		}
		break
	}
	out := &Restored{Image: img, Changed: true, DryRun: t.opts.DryRun}
	m, err := t.manifest(ctx, img)
	if err != nil || t.opts.DryRun {
		return out, err
	}
	return out, t.put(ctx, m, img.Tag, "")
}

func hexOf(digest string) string {
	_, hex, ok := strings.Cut(digest, ":")
	if !ok {
		return digest
	}
	return hex
}

// isPin reports whether the tag is a pin of the digest.
func isPin(prefix, tag, digest string) bool {
	digits, ok := strings.CutPrefix(tag, prefix+"-")
	return ok && len(digits) >= pinDigits && strings.HasPrefix(hexOf(digest), digits)
}

// pins are those tags of the image that pin it.
func (s Stored) pins(prefix string) []string {
	return slices.DeleteFunc(slices.Clone(s.Tags), func(tag string) bool { return !isPin(prefix, tag, s.Digest) })
}
