package ecr

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"
)

// oci lets ecrx.RestoreTag work on a registry that speaks the OCI distribution
// protocol: each call becomes one request, and bytes pass through as they are.
type oci struct {
	t   *testing.T
	url string
}

func (o oci) do(method, path, mediaType string, body []byte) (int, http.Header, []byte) {
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+"/v2/"+path, bytes.NewReader(body))
	require.NoError(o.t, err)
	req.Header.Set("Content-Type", mediaType)
	res, err := http.DefaultClient.Do(req)
	require.NoError(o.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(o.t, err)
	return res.StatusCode, res.Header, b
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// blob uploads what manifests refer to.
func (o oci) blob(content string) (digest string) {
	digest = digestOf([]byte(content))
	status, _, _ := o.do(http.MethodPost, "app/blobs/uploads/?digest="+digest, "application/octet-stream", []byte(content))
	require.Equal(o.t, http.StatusCreated, status)
	return digest
}

func (o oci) DescribeImages(_ context.Context, in *ecr.DescribeImagesInput, _ ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error) {
	out := &ecr.DescribeImagesOutput{}
	for _, id := range in.ImageIds {
		name := aws.ToString(id.ImageDigest)
		if name == "" {
			name = aws.ToString(id.ImageTag)
		}
		status, h, _ := o.do(http.MethodHead, *in.RepositoryName+"/manifests/"+name, "", nil)
		if status == http.StatusNotFound {
			return nil, &types.ImageNotFoundException{}
		}
		out.ImageDetails = append(out.ImageDetails, types.ImageDetail{ImageDigest: aws.String(h.Get("Docker-Content-Digest")), ImageManifestMediaType: aws.String(h.Get("Content-Type"))})
	}
	return out, nil
}

func (o oci) BatchGetImage(_ context.Context, in *ecr.BatchGetImageInput, _ ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error) {
	out := &ecr.BatchGetImageOutput{}
	for _, id := range in.ImageIds {
		_, h, b := o.do(http.MethodGet, *in.RepositoryName+"/manifests/"+*id.ImageDigest, "", nil)
		out.Images = append(out.Images, types.Image{ImageId: &id, ImageManifest: aws.String(string(b)), ImageManifestMediaType: aws.String(h.Get("Content-Type"))})
	}
	return out, nil
}

func (o oci) PutImage(_ context.Context, in *ecr.PutImageInput, _ ...func(*ecr.Options)) (*ecr.PutImageOutput, error) {
	status, _, b := o.do(http.MethodPut, *in.RepositoryName+"/manifests/"+*in.ImageTag, *in.ImageManifestMediaType, []byte(*in.ImageManifest))
	require.Equal(o.t, http.StatusCreated, status, string(b))
	return &ecr.PutImageOutput{}, nil
}
