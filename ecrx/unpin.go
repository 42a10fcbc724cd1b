package ecrx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// UnpinAPI is DescribeImages and BatchDeleteImage of *ecr.Client.
type UnpinAPI interface {
	ecr.DescribeImagesAPIClient
	BatchDeleteImage(context.Context, *ecr.BatchDeleteImageInput, ...func(*ecr.Options)) (*ecr.BatchDeleteImageOutput, error)
}

// ErrLastTag is returned by [Image.Unpin] if the tag is the image's last: ECR
// deletes an image with its last tag.
var ErrLastTag = errors.New("last tag of the image")

// Unpin takes the pins of img's digest away and returns the tags that went; with a
// tag in img that one alone, if it names the digest. It never takes an image's last
// tag, because the image would go with it: that is [ErrLastTag]. Of an image that is not
// there, or not pinned, it returns none.
//
// Calls ecr:DescribeImages, ecr:BatchDeleteImage by tag only. Safe to repeat.
func (img Image) Unpin(ctx context.Context, api UnpinAPI, optFns ...func(*TagOptions)) ([]string, error) {
	u := untagger{api: api, repo: img.Repo(), opts: tagOptions(optFns)}
	if img.Digest == "" || u.repo.Name == "" {
		return nil, fmt.Errorf("image %s: only an image in ECR, by digest, can be unpinned", img)
	}
	x, err := u.look(ctx, img.Digest)
	if err != nil || x == nil {
		return nil, err
	}
	var gone []string
	tags := x.pins(u.opts.Prefix)
	if img.Tag != "" {
		tags = slices.DeleteFunc(slices.Clone(x.Tags), func(tag string) bool { return tag != img.Tag })
	}
	for _, tag := range tags {
		done, err := u.remove(ctx, img.Digest, tag)
		if done {
			gone = append(gone, tag)
		}
		if err != nil {
			return gone, fmt.Errorf("image %s: %w", img, err)
		}
	}
	return gone, nil
}

type untagger struct {
	api  UnpinAPI
	repo Repository
	opts TagOptions
}

func (u *untagger) look(ctx context.Context, digest string) (*Stored, error) {
	return awsretry.Read(ctx, u.opts.Interval, tries, func(ctx context.Context) (*Stored, error) { return lookup(ctx, u.api, u.repo, "", digest) })
}

// remove takes a tag from the digest, and reports whether it is gone because of
// that. The image is read before every try: an answer may get lost, and a tag
// that was not the last may have become it.
func (u *untagger) remove(ctx context.Context, digest, tag string) (bool, error) {
	gone := func(ctx context.Context) (bool, error) {
		x, err := u.look(ctx, digest)
		if err != nil || x == nil || !slices.Contains(x.Tags, tag) {
			return err == nil, err
		}
		if len(x.Tags) < 2 {
			return false, fmt.Errorf("tag %s: %w", tag, ErrLastTag)
		}
		return false, nil
	}
	already, err := gone(ctx)
	switch {
	case err != nil || already:
		return false, err
	case u.opts.DryRun:
		return true, nil
	}
	err = awsretry.Mutation{Interval: u.opts.Interval, Happened: gone, Do: func(ctx context.Context) error {
		out, err := u.api.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RegistryId: u.repo.registry(), RepositoryName: &u.repo.Name,
			ImageIds: []types.ImageIdentifier{{ImageTag: &tag}}}, once, u.repo.there)
		if err != nil {
			return err
		}
		for _, f := range out.Failures {
			if f.FailureCode != types.ImageFailureCodeImageNotFound {
				return fmt.Errorf("%s: %s", f.FailureCode, aws.ToString(f.FailureReason))
			}
		}
		return nil
	}}.Run(ctx)
	if err != nil {
		return false, fmt.Errorf("tag %s: %w", tag, err)
	}
	u.observe(tag, digest)
	return true, nil
}

func (u *untagger) observe(tag, from string) {
	if u.opts.Observe != nil {
		u.opts.Observe(TagEvent{Repository: u.repo, Tag: tag, From: from})
	}
}
