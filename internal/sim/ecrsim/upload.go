package ecrsim

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const (
	// partSize is what an upload's answer asks for, the "about 20MB" of
	// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html.
	partSize = 20971520
	// minPart is that of every part but the last (LayerPartTooSmallException).
	minPart = 5 << 20
)

// upload is a layer on its way.
type upload struct {
	content []byte
	short   bool // a part was too small to be followed by another
}

// InitiateLayerUpload implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html
func (s *Service) InitiateLayerUpload(_ context.Context, in *ecr.InitiateLayerUploadInput) (*ecr.InitiateLayerUploadOutput, error) {
	r, err := s.repo("InitiateLayerUpload", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	id := s.w.UUID()
	r.uploads[id] = &upload{}
	return &ecr.InitiateLayerUploadOutput{UploadId: &id, PartSize: aws.Int64(partSize)}, nil
}

// UploadLayerPart implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html:
// parts come in order, without a gap.
func (s *Service) UploadLayerPart(_ context.Context, in *ecr.UploadLayerPartInput) (*ecr.UploadLayerPartOutput, error) {
	r, u, err := s.upload("UploadLayerPart", in.RegistryId, in.RepositoryName, in.UploadId)
	if err != nil {
		return nil, err
	}
	n := int64(len(in.LayerPartBlob))
	if n > partSize || aws.ToInt64(in.PartFirstByte) != int64(len(u.content)) || aws.ToInt64(in.PartLastByte) != aws.ToInt64(in.PartFirstByte)+n-1 {
		return nil, &types.InvalidLayerPartException{Message: aws.String("The layer part size is not valid, or the first byte specified is not consecutive to the last byte of a previous layer part upload."),
			RegistryId: aws.String(s.w.Account), RepositoryName: &r.name, UploadId: in.UploadId, LastValidByteReceived: aws.Int64(int64(len(u.content)) - 1)}
	}
	if u.short {
		return nil, &types.LayerPartTooSmallException{Message: aws.String("Layer parts must be at least 5 MiB in size.")}
	}
	u.content, u.short = append(u.content, in.LayerPartBlob...), n < minPart
	return &ecr.UploadLayerPartOutput{RegistryId: aws.String(s.w.Account), RepositoryName: &r.name, UploadId: in.UploadId, LastByteReceived: in.PartLastByte}, nil
}

// CompleteLayerUpload implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CompleteLayerUpload.html
func (s *Service) CompleteLayerUpload(_ context.Context, in *ecr.CompleteLayerUploadInput) (*ecr.CompleteLayerUploadOutput, error) {
	r, u, err := s.upload("CompleteLayerUpload", in.RegistryId, in.RepositoryName, in.UploadId)
	if err != nil {
		return nil, err
	}
	digest := blob(string(u.content))
	_, there := r.layers[digest]
	switch {
	case len(u.content) == 0:
		return nil, &types.EmptyUploadException{Message: aws.String("The specified layer upload does not contain any layer parts.")}
	case !slices.Contains(in.LayerDigests, digest):
		return nil, &types.InvalidLayerException{Message: aws.String("Layer digest calculation performed by Amazon ECR upon receipt of the image layer does not match the digest specified.")}
	case there:
		return nil, &types.LayerAlreadyExistsException{Message: aws.String(fmt.Sprintf("Layer with digest '%s' already exists in the '%s' repository of the '%s' registry", digest, r.name, s.w.Account))}
	}
	r.layers[digest] = string(u.content)
	delete(r.uploads, aws.ToString(in.UploadId))
	return &ecr.CompleteLayerUploadOutput{RegistryId: aws.String(s.w.Account), RepositoryName: &r.name, UploadId: in.UploadId, LayerDigest: &digest}, nil
}

func (s *Service) upload(operation string, registry, name, id *string) (*repository, *upload, error) {
	r, err := s.repo(operation, registry, name)
	if err != nil {
		return nil, nil, err
	}
	u := r.uploads[aws.ToString(id)]
	if u == nil {
		return nil, nil, &types.UploadNotFoundException{Message: aws.String(fmt.Sprintf("Upload with id '%s' could not be found", aws.ToString(id)))}
	}
	return r, u, nil
}
