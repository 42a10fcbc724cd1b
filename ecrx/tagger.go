package ecrx

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// tagger puts tags of one repository.
type tagger struct {
	api  RestoreAPI
	repo Repository
	opts TagOptions
}

func (t *tagger) look(ctx context.Context, tag, digest string) (*Stored, error) {
	return ride(ctx, t.opts.Interval, func() (*Stored, error) { return lookup(ctx, t.api, t.repo, tag, digest) })
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
func (t *tagger) manifest(ctx context.Context, img Image) (Manifest, error) {
	repo, from := t.repo, img
	x, err := t.look(ctx, "", img.Digest)
	if err == nil && x == nil && t.opts.From.Private() {
		repo, from = t.opts.From.Repo(), t.opts.From
		from.Digest = img.Digest
		x, err = ride(ctx, t.opts.Interval, func() (*Stored, error) { return lookup(ctx, t.api, repo, "", img.Digest) })
	}
	s := Status{Ref: from.String(), Image: from}
	switch {
	case err != nil:
		return Manifest{}, fmt.Errorf("image %s: %w", img, err)
	case x == nil:
		s.State = Missing
		return Manifest{}, &StatusError{s}
	case len(x.Tags) >= maxTags:
		return Manifest{}, fmt.Errorf("image %s: %w", img, ErrTagLimit)
	}
	n := newInventory()
	n.add(*x)
	s.Image.Tag = ""
	if s.find(n, nil); !s.State.Usable() {
		return Manifest{}, &StatusError{s}
	}
	found, err := ride(ctx, t.opts.Interval, func() (map[string]Manifest, error) {
		return Manifests(ctx, t.api, repo, []string{img.Digest})
	})
	if err != nil {
		return Manifest{}, err
	}
	m, ok := found[img.Digest]
	if !ok {
		s.State = Missing
		return Manifest{}, &StatusError{s}
	}
	m.MediaType = cmp.Or(m.MediaType, x.MediaType)
	return m, nil
}

// put gives the manifest the tag. What the tag names is looked at before every
// try, so that a lost answer, or somebody else's push, is not run over.
func (t *tagger) put(ctx context.Context, m Manifest, tag, previous string) error {
	for n := 1; ; n++ {
		now, err := t.look(ctx, tag, "")
		switch {
		case err != nil:
			return err
		case now != nil && now.Digest == m.Digest:
			t.observe(tag, previous, m.Digest)
			return nil
		case now != nil && now.Digest != previous:
			return fmt.Errorf("tag %s: %w: %s", tag, ErrTagTaken, now.Digest)
		}
		if err := t.opts.Puts.Wait(ctx); err != nil {
			return fmt.Errorf("tag %s: %w", tag, err)
		}
		in := &ecr.PutImageInput{RegistryId: t.repo.registry(), RepositoryName: &t.repo.Name, ImageTag: &tag, ImageManifest: &m.Text, ImageDigest: &m.Digest}
		if m.MediaType != "" {
			in.ImageManifestMediaType = aws.String(m.MediaType)
		}
		_, err = t.api.PutImage(ctx, in, once, t.repo.there)
		exists := isA[*types.ImageAlreadyExistsException](err) || isA[*types.ImageTagAlreadyExistsException](err)
		switch {
		case err == nil:
			t.observe(tag, previous, m.Digest)
			return nil
		case n == tries || !exists && !awsretry.Transient(err):
			return fmt.Errorf("tag %s: %w", tag, err)
		case exists && now != nil: // the tag is there, at another digest, and immutable
			return fmt.Errorf("tag %s: %w: %w", tag, ErrTagTaken, err)
		}
		if err := poll.Sleep(ctx, t.opts.Interval); err != nil {
			return err
		}
	}
}

func (t *tagger) observe(tag, from, to string) {
	if t.opts.Observe != nil {
		t.opts.Observe(TagEvent{Repository: t.repo, Tag: tag, From: from, To: to})
	}
}
