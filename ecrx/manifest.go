package ecrx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// batchGetImageAPI is BatchGetImage of *ecr.Client. It counts as a pull.
type batchGetImageAPI interface {
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
}

// Manifest is an image's manifest, byte by byte.
type manifest struct {
	Text      string `json:"text"`
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
}

// errDigest means that the bytes of a manifest are not those of its digest.
var errDigest = errors.New("manifest does not have the digest")

// Check returns an error if the text does not have the digest.
func (m manifest) Check() error {
	sum := sha256.Sum256([]byte(m.Text))
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != m.Digest {
		return fmt.Errorf("image %s: %w: it is %s", m.Digest, errDigest, got)
	}
	return nil
}

// Children are the digests that an index lists; empty for anything else.
func (m manifest) Children() []string {
	var doc struct {
		Manifests []struct {
			Digest string `json:"digest"`
		} `json:"manifests"`
	}
	out := []string{}
	if json.Unmarshal([]byte(m.Text), &doc) == nil {
		for _, x := range doc.Manifests {
			out = append(out, x.Digest)
		}
	}
	return out
}

// readManifests reads the manifests of images by digest, checked against it. An
// image that is not there, or is archived, is not in the answer.
//
// ECR counts this as a pull of each image. Fetched by digest a manifest is never
// translated (docs/aws/ecr.md 1.5).
//
// Calls ecr:BatchGetImage, once for each 100 digests. Safe to repeat.
func readManifests(ctx context.Context, api batchGetImageAPI, repo Repository, digests []string) (map[string]manifest, error) {
	out := map[string]manifest{}
	for from := 0; from < len(digests); from += maxIDs {
		var ids []types.ImageIdentifier
		for _, d := range digests[from:min(from+maxIDs, len(digests))] {
			ids = append(ids, types.ImageIdentifier{ImageDigest: aws.String(d)})
		}
		page, err := api.BatchGetImage(ctx, &ecr.BatchGetImageInput{RegistryId: repo.registry(), RepositoryName: &repo.Name, ImageIds: ids}, repo.there)
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", repo, err)
		}
		for _, i := range page.Images {
			m := manifest{Text: aws.ToString(i.ImageManifest), MediaType: aws.ToString(i.ImageManifestMediaType)}
			if i.ImageId != nil {
				m.Digest = aws.ToString(i.ImageId.ImageDigest)
			}
			if err := m.Check(); err != nil {
				return nil, fmt.Errorf("repository %s: %w", repo, err)
			}
			out[m.Digest] = m
		}
		for _, f := range page.Failures {
			if f.FailureCode != types.ImageFailureCodeImageNotFound && f.FailureCode != types.ImageFailureCodeImageInaccessible {
				return nil, fmt.Errorf("repository %s: %s: %s", repo, f.FailureCode, aws.ToString(f.FailureReason))
			}
		}
	}
	return out, nil
}
