package ecrx

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
)

// tagger puts tags of one repository.
type tagger struct {
	api  RestoreAPI
	repo Repository
	opts TagOptions
	// source is where the manifest was read that the repository has lost.
	source Repository
}

func (t *tagger) look(ctx context.Context, tag, digest string) (*Stored, error) {
	return awsretry.Read(ctx, t.opts.Interval, tries, func(ctx context.Context) (*Stored, error) { return lookup(ctx, t.api, t.repo, tag, digest) })
}

func (t *tagger) restore(ctx context.Context, img Image) (*Restored, error) {
	out := &Restored{Image: img, DryRun: t.opts.DryRun}
	now, err := t.look(ctx, img.Tag, "")
	switch {
	case err != nil:
		return nil, fmt.Errorf("image %s: %w", img, err)
	case now != nil && now.Digest == img.Digest:
		return out, nil
	case now != nil && !t.opts.Move:
		return nil, fmt.Errorf("image %s: %w: %s", img, ErrTagTaken, now.Digest)
	case now != nil:
		out.Previous = now.Digest
	}
	m, err := t.manifest(ctx, img)
	if err != nil {
		return nil, err
	}
	out.Changed = true
	if out.Previous != "" {
		loser := img
		loser.Digest = out.Previous
		pin, err := t.pin(ctx, loser)
		if err != nil {
			return nil, fmt.Errorf("image %s: pin %s first: %w", img, out.Previous, err)
		}
		out.Pinned = pin.Image.Tag
	}
	if t.opts.DryRun {
		return out, nil
	}
	if err := t.put(ctx, m, img.Tag, out.Previous); err != nil {
		return nil, fmt.Errorf("image %s: %w", img, err)
	}
	return out, nil
}

// manifest is that of an image that can be pulled.
func (t *tagger) manifest(ctx context.Context, img Image) (manifest, error) {
	repo, from := t.repo, img
	x, err := t.look(ctx, "", img.Digest)
	if err == nil && x == nil && t.opts.From.Private() {
		repo, from = t.opts.From.Repo(), t.opts.From
		t.source = repo
		from.Digest = img.Digest
		x, err = awsretry.Read(ctx, t.opts.Interval, tries, func(ctx context.Context) (*Stored, error) { return lookup(ctx, t.api, repo, "", img.Digest) })
	}
	s := Status{Ref: from.String(), Image: from}
	switch {
	case err != nil:
		return manifest{}, fmt.Errorf("image %s: %w", img, err)
	case x == nil:
		s.State = stateMissing
		return manifest{}, &StatusError{s}
	case len(x.Tags) >= maxTags:
		return manifest{}, fmt.Errorf("image %s: %w", img, ErrTagLimit)
	}
	n := newInventory()
	n.add(*x)
	s.Image.Tag = ""
	if s.find(n, nil); !s.State.Usable() {
		return manifest{}, &StatusError{s}
	}
	found, err := awsretry.Read(ctx, t.opts.Interval, tries, func(ctx context.Context) (map[string]manifest, error) {
		return readManifests(ctx, t.api, repo, []string{img.Digest})
	})
	if err != nil {
		return manifest{}, err
	}
	m, ok := found[img.Digest]
	if !ok {
		s.State = stateMissing
		return manifest{}, &StatusError{s}
	}
	m.MediaType = cmp.Or(m.MediaType, x.MediaType)
	return m, nil
}

// put gives the manifest the tag. What the tag names is read before every try,
// so that a lost answer, or somebody else's push, is not run over.
func (t *tagger) put(ctx context.Context, m manifest, tag, previous string) error {
	there := func(ctx context.Context) (bool, error) {
		now, err := t.look(ctx, tag, "")
		if err == nil && now != nil && now.Digest != m.Digest && now.Digest != previous {
			err = fmt.Errorf("tag %s: %w: %s", tag, ErrTagTaken, now.Digest)
		}
		return err == nil && now != nil && now.Digest == m.Digest, err
	}
	exists := func(err error) bool {
		return isA[*types.ImageAlreadyExistsException](err) || isA[*types.ImageTagAlreadyExistsException](err)
	}
	done, err := there(ctx)
	if err != nil {
		return err
	}
	if !done && t.source.Name != "" && t.opts.Layers != nil {
		if err := t.bring(ctx, t.source, m); err != nil {
			return err
		}
	}
	if !done {
		err = t.send(ctx, m, tag, awsretry.Mutation{
			Interval: t.opts.Interval, Happened: there,
			// The tag is not there, although ECR says that it is: not yet.
			Again: func(err error) bool { return previous == "" && exists(err) },
		})
	}
	switch {
	case err == nil:
		t.observe(tag, previous, m.Digest)
		return nil
	case exists(err) && previous != "": // it is there, at another digest, and immutable
		return fmt.Errorf("tag %s: %w: %w", tag, ErrTagTaken, err)
	}
	return fmt.Errorf("tag %s: %w", tag, err)
}

// send calls PutImage until the mutation has happened.
func (t *tagger) send(ctx context.Context, m manifest, tag string, how awsretry.Mutation) error {
	in := &ecr.PutImageInput{RegistryId: t.repo.registry(), RepositoryName: &t.repo.Name, ImageManifest: &m.Text, ImageDigest: &m.Digest}
	if tag != "" {
		in.ImageTag = &tag
	}
	if m.MediaType != "" {
		in.ImageManifestMediaType = aws.String(m.MediaType)
	}
	how.Do = func(ctx context.Context) error {
		if err := clock.Allow(ctx, t.opts.Puts); err != nil {
			return err
		}
		_, err := t.api.PutImage(ctx, in, once, t.repo.there)
		return err
	}
	return how.Run(ctx)
}

func (t *tagger) observe(tag, from, to string) {
	if t.opts.Observe != nil {
		t.opts.Observe(TagEvent{Repository: t.repo, Tag: tag, From: from, To: to})
	}
}
