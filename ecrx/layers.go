package ecrx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// LayersAPI is BatchCheckLayerAvailability, GetDownloadUrlForLayer,
// InitiateLayerUpload, UploadLayerPart and CompleteLayerUpload of *ecr.Client: the
// calls that docker makes to pull and to push.
type LayersAPI interface {
	BatchCheckLayerAvailability(context.Context, *ecr.BatchCheckLayerAvailabilityInput, ...func(*ecr.Options)) (*ecr.BatchCheckLayerAvailabilityOutput, error)
	GetDownloadUrlForLayer(context.Context, *ecr.GetDownloadUrlForLayerInput, ...func(*ecr.Options)) (*ecr.GetDownloadUrlForLayerOutput, error)
	InitiateLayerUpload(context.Context, *ecr.InitiateLayerUploadInput, ...func(*ecr.Options)) (*ecr.InitiateLayerUploadOutput, error)
	UploadLayerPart(context.Context, *ecr.UploadLayerPartInput, ...func(*ecr.Options)) (*ecr.UploadLayerPartOutput, error)
	CompleteLayerUpload(context.Context, *ecr.CompleteLayerUploadInput, ...func(*ecr.Options)) (*ecr.CompleteLayerUploadOutput, error)
}

const (
	// maxLayers is how many layers one call asks for.
	maxLayers = 100
	// Parts of a layer have at least 5 MiB, but for the last, and at most 20,971,520
	// bytes
	// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html).
	minPart, maxPart = 5 << 20, 20971520
)

// blobs are the digests of an image's config and layers, less layers that are
// fetched from elsewhere by every pull.
func (m manifest) blobs() []string {
	type descriptor struct {
		Digest string   `json:"digest"`
		URLs   []string `json:"urls"`
	}
	var doc struct {
		Config descriptor   `json:"config"`
		Layers []descriptor `json:"layers"`
	}
	if json.Unmarshal([]byte(m.Text), &doc) != nil {
		return nil
	}
	var out []string
	for _, d := range append([]descriptor{doc.Config}, doc.Layers...) {
		if d.Digest != "" && len(d.URLs) == 0 && !slices.Contains(out, d.Digest) {
			out = append(out, d.Digest)
		}
	}
	return out
}

// bring copies what a manifest lists from another repository: the images of an index,
// and layers that are not in the tagger's repository. Each is compared with its
// digest. What is there already is left alone, so that a second call goes on where the
// first one ended.
func (t *tagger) bring(ctx context.Context, from Repository, m manifest) error {
	if children := m.Children(); len(children) > 0 {
		found, err := awsretry.Read(ctx, t.opts.Interval, tries, func(ctx context.Context) (map[string]manifest, error) {
			return readManifests(ctx, t.api, from, children)
		})
		if err != nil {
			return err
		}
		for _, digest := range children {
			child, ok := found[digest]
			if !ok {
				s := Status{Ref: from.String() + "@" + digest, State: stateMissing}
				return &StatusError{s}
			}
			if err := t.bring(ctx, from, child); err != nil {
				return err
			}
			if err := t.putUntagged(ctx, child); err != nil {
				return err
			}
		}
	}
	for part := range slices.Chunk(m.blobs(), maxLayers) {
		missing, err := t.unavailable(ctx, part)
		if err != nil {
			return err
		}
		for _, digest := range missing {
			if err := t.copyLayer(ctx, from, digest); err != nil {
				return fmt.Errorf("repository %s: layer %s: %w", t.repo, digest, err)
			}
		}
	}
	return nil
}

// unavailable are the layers that are not in the repository.
func (t *tagger) unavailable(ctx context.Context, digests []string) ([]string, error) {
	out, err := awsretry.Read(ctx, t.opts.Interval, tries, func(ctx context.Context) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
		return t.opts.Layers.BatchCheckLayerAvailability(ctx, &ecr.BatchCheckLayerAvailabilityInput{RegistryId: t.repo.registry(), RepositoryName: &t.repo.Name, LayerDigests: digests}, t.repo.there)
	})
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", t.repo, err)
	}
	var missing []string
	for _, d := range digests {
		if !slices.ContainsFunc(out.Layers, func(l types.Layer) bool {
			return aws.ToString(l.LayerDigest) == d && l.LayerAvailability == types.LayerAvailabilityAvailable
		}) {
			missing = append(missing, d)
		}
	}
	return missing, nil
}

// copyLayer brings one layer. An upload that ended early is begun again from the
// start: an unfinished one has no effect.
func (t *tagger) copyLayer(ctx context.Context, from Repository, digest string) error {
	err := awsretry.Mutation{
		Interval: t.opts.Interval,
		Do:       func(ctx context.Context) error { return t.upload(ctx, from, digest) },
		Happened: func(ctx context.Context) (bool, error) {
			missing, err := t.unavailable(ctx, []string{digest})
			return len(missing) == 0, err
		},
		Again: func(err error) bool {
			_, broken := errors.AsType[*downloadError](err)
			return broken || isA[*types.InvalidLayerPartException](err) || isA[*types.UploadNotFoundException](err)
		},
	}.Run(ctx)
	if isA[*types.LayerAlreadyExistsException](err) {
		return nil
	}
	return err
}

// downloadError is a download that may succeed the next time.
type downloadError struct{ err error }

func (e *downloadError) Error() string { return "download: " + e.err.Error() }
func (e *downloadError) Unwrap() error { return e.err }

// upload sends a layer, part by part, as it is downloaded: never more than one part is
// held.
func (t *tagger) upload(ctx context.Context, from Repository, digest string) error {
	at, err := t.opts.Layers.GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RegistryId: from.registry(), RepositoryName: &from.Name, LayerDigest: &digest}, from.there)
	if err != nil {
		return err
	}
	body, err := t.download(ctx, aws.ToString(at.DownloadUrl))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // only read from
	begun, err := t.opts.Layers.InitiateLayerUpload(ctx, &ecr.InitiateLayerUploadInput{RegistryId: t.repo.registry(), RepositoryName: &t.repo.Name}, once, t.repo.there)
	if err != nil {
		return err
	}
	part := make([]byte, min(max(aws.ToInt64(begun.PartSize), minPart), maxPart))
	sum, first := sha256.New(), int64(0)
	for {
		n, err := io.ReadFull(body, part)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return &downloadError{err}
		}
		if n > 0 {
			_, _ = sum.Write(part[:n]) // a hash returns no error
			_, uerr := t.opts.Layers.UploadLayerPart(ctx, &ecr.UploadLayerPartInput{RegistryId: t.repo.registry(), RepositoryName: &t.repo.Name, UploadId: begun.UploadId,
				LayerPartBlob: part[:n], PartFirstByte: aws.Int64(first), PartLastByte: aws.Int64(first + int64(n) - 1)}, once, t.repo.there)
			if uerr != nil {
				return uerr
			}
			first += int64(n)
		}
		if err != nil {
			break
		}
	}
	if is := "sha256:" + hex.EncodeToString(sum.Sum(nil)); is != digest {
		return &downloadError{fmt.Errorf("%w: it is %s", errDigest, is)}
	}
	_, err = t.opts.Layers.CompleteLayerUpload(ctx, &ecr.CompleteLayerUploadInput{RegistryId: t.repo.registry(), RepositoryName: &t.repo.Name, UploadId: begun.UploadId, LayerDigests: []string{digest}}, once, t.repo.there)
	return err
}

// download opens what a URL of ECR gives. The URL carries its own signature, and is in
// no error.
func (t *tagger) download(ctx context.Context, address string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("download: ECR gave no usable URL")
	}
	var client aws.HTTPClient = http.DefaultClient
	if t.opts.HTTPClient != nil {
		client = t.opts.HTTPClient
	}
	res, err := client.Do(req)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &downloadError{fmt.Errorf("host %s cannot be reached", req.URL.Host)}
	case res.StatusCode == http.StatusOK:
		return res.Body, nil
	}
	_ = res.Body.Close()
	return nil, &downloadError{fmt.Errorf("host %s: %s", req.URL.Host, http.StatusText(res.StatusCode))}
}

// putUntagged puts a manifest under its digest alone.
func (t *tagger) putUntagged(ctx context.Context, m manifest) error {
	there := func(ctx context.Context) (bool, error) {
		x, err := t.look(ctx, "", m.Digest)
		return x != nil, err
	}
	if done, err := there(ctx); err != nil || done {
		return err
	}
	return t.send(ctx, m, "", awsretry.Mutation{Interval: t.opts.Interval, Happened: there})
}
