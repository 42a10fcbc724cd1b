package ecrsim

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// BatchCheckLayerAvailability implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html
func (s *Service) BatchCheckLayerAvailability(_ context.Context, in *ecr.BatchCheckLayerAvailabilityInput) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
	r, err := s.repo("BatchCheckLayerAvailability", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if n := len(in.LayerDigests); n < 1 || n > 100 {
		return nil, invalid("layerDigests", "Member must have length between 1 and 100, inclusive")
	}
	out := &ecr.BatchCheckLayerAvailabilityOutput{Layers: []types.Layer{}, Failures: []types.LayerFailure{}}
	for _, d := range in.LayerDigests {
		if !digestPattern.MatchString(d) {
			out.Failures = append(out.Failures, types.LayerFailure{LayerDigest: aws.String(d), FailureCode: types.LayerFailureCodeInvalidLayerDigest, FailureReason: aws.String("Layer digest is invalid")})
			continue
		}
		l := types.Layer{LayerDigest: aws.String(d), LayerAvailability: types.LayerAvailabilityUnavailable}
		if content, ok := r.layers[d]; ok {
			l.LayerAvailability, l.LayerSize = types.LayerAvailabilityAvailable, aws.Int64(int64(len(content)))
		}
		out.Layers = append(out.Layers, l)
	}
	return out, nil
}

// GetDownloadUrlForLayer implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html:
// there is a URL only for a layer that some image has.
func (s *Service) GetDownloadUrlForLayer(_ context.Context, in *ecr.GetDownloadUrlForLayerInput) (*ecr.GetDownloadUrlForLayerOutput, error) {
	r, err := s.repo("GetDownloadUrlForLayer", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	digest := aws.ToString(in.LayerDigest)
	if _, ok := r.layers[digest]; !ok {
		return nil, &types.LayersNotFoundException{Message: aws.String(fmt.Sprintf(
			"The layer with digest '%s' does not exist in the repository with name '%s' in registry with id '%s'", digest, r.name, s.w.Account))}
	}
	if !r.listed(digest) {
		return nil, &types.LayerInaccessibleException{Message: aws.String(fmt.Sprintf("The layer with digest '%s' is not referenced by an image", digest))}
	}
	at := url.URL{Scheme: "https", Host: "prod-" + s.w.Region + layerHost + s.w.Region + "." + s.w.URLSuffix(), Path: "/" + r.name + "/" + digest, RawQuery: "X-Amz-Expires=3600&X-Amz-Signature=" + s.w.Hex(64)}
	return &ecr.GetDownloadUrlForLayerOutput{DownloadUrl: aws.String(at.String()), LayerDigest: &digest}, nil
}

// layerHost is in the names of the hosts of layers
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html, "Minimum
// Amazon S3 Bucket Permissions for Amazon ECR").
const layerHost = "-starport-layer-bucket.s3."

// LayerRegion is the region of a host that serves layers; "" of any other.
func LayerRegion(host string) string {
	_, rest, ok := strings.Cut(host, layerHost)
	if !ok {
		return ""
	}
	region, _, _ := strings.Cut(rest, ".")
	return region
}

// Layer is what the path of a download URL gives.
func (s *Service) Layer(path string) (content string, ok bool) {
	at := strings.LastIndex(path, "/")
	if at < 1 {
		return "", false
	}
	if r := s.repos[strings.TrimPrefix(path[:at], "/")]; r != nil {
		content, ok = r.layers[path[at+1:]]
	}
	return content, ok
}

// listed reports whether an image has the layer.
func (r *repository) listed(layer string) bool {
	return slices.ContainsFunc(r.sortedImages(), func(i *image) bool { return slices.Contains(i.blobs, layer) })
}

// dropLayers deletes the layers of an image that is gone, unless another has them.
func (r *repository) dropLayers(i *image) {
	maps.DeleteFunc(r.layers, func(d, _ string) bool { return slices.Contains(i.blobs, d) && !r.listed(d) })
}
