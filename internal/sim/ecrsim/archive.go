package ecrsim

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// RestoreTime is how long an image takes back from the archive: "typically up
// to 20 minutes"
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-archive.html).
const RestoreTime = 20 * time.Minute

// UpdateImageStorageClass implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UpdateImageStorageClass.html.
// The answer to a change that is none is UNCERTAIN.
func (s *Service) UpdateImageStorageClass(_ context.Context, in *ecr.UpdateImageStorageClassInput) (*ecr.UpdateImageStorageClassOutput, error) {
	r, err := s.repo("UpdateImageStorageClass", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if in.ImageId == nil {
		return nil, invalid("imageId", "must be given")
	}
	i, failure := r.find(*in.ImageId)
	if failure != nil {
		return nil, s.noImage(*in.ImageId, r.name)
	}
	unsupported := func(why string) error {
		return &types.ImageStorageClassUpdateNotSupportedException{Message: aws.String(fmt.Sprintf(
			"The storage class of image '%s' cannot be updated: %s", i.digest, why))}
	}
	switch in.TargetStorageClass {
	case types.TargetStorageClassStandard:
		if i.status == types.ImageStatusActive {
			return nil, unsupported("it is in the standard storage class already")
		}
		if i.status == types.ImageStatusArchived {
			i.status = types.ImageStatusActivating
			s.w.After(RestoreTime, func() {
				if i.status == types.ImageStatusActivating {
					i.status, i.activated = types.ImageStatusActive, s.w.Now()
				}
			})
		}
	case types.TargetStorageClassArchive:
		if i.status != types.ImageStatusActive {
			return nil, unsupported("it is not active")
		}
		if parents := r.holders(i.digest); len(parents) > 0 {
			return nil, unsupported("it is referenced by manifest list: " + listed(parents))
		}
		i.status, i.archived = types.ImageStatusArchived, s.w.Now()
	default:
		return nil, invalid("targetStorageClass", "must be STANDARD or ARCHIVE")
	}
	return &ecr.UpdateImageStorageClassOutput{
		ImageId:        &types.ImageIdentifier{ImageDigest: aws.String(i.digest), ImageTag: in.ImageId.ImageTag},
		ImageStatus:    i.status,
		RegistryId:     aws.String(s.w.Account),
		RepositoryName: aws.String(r.name),
	}, nil
}
