package ecrsim

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

var tagPattern = regexp.MustCompile(`^[\w][\w.-]{0,127}$`)

// PutImage implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
func (s *Service) PutImage(_ context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	r, err := s.repo("PutImage", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if in.ImageTag != nil && !tagPattern.MatchString(*in.ImageTag) {
		return nil, invalid("imageTag", "must satisfy regular expression '"+tagPattern.String()+"'")
	}
	m, err := parseManifest(in)
	if err != nil {
		return nil, err
	}
	if err := s.put(r, m, in.ImageTag); err != nil {
		return nil, err
	}
	return &ecr.PutImageOutput{Image: new(s.imageShape(r, r.images[m.digest], in.ImageTag))}, nil
}

func (s *Service) put(r *repository, m manifest, tag *string) error {
	if err := s.complete(r, m); err != nil {
		return err
	}
	old, exists := r.images[m.digest]
	if exists && old.status != types.ImageStatusActive {
		// "If you re-push an archived image, it is restored immediately"
		// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-archive.html
		// The text does not say that an identical PutImage counts: UNCERTAIN (docs/aws/ecr.md 1.4).
		old.status, old.activated = types.ImageStatusActive, s.w.Now()
		if tag == nil || r.tags[*tag] == m.digest {
			return nil
		}
	}
	if tag == nil {
		if exists {
			return s.alreadyExists(r, m.digest, nil)
		}
	} else if at, taken := r.tags[*tag]; taken {
		// Both refusals are as reported in aws/containers-roadmap#2179 and aws/aws-sdk#750.
		switch {
		case r.immutable(*tag):
			return &types.ImageTagAlreadyExistsException{Message: aws.String(fmt.Sprintf(
				"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", *tag, r.name))}
		case at == m.digest:
			return s.alreadyExists(r, m.digest, tag)
		}
	}
	if !exists {
		s.pushes++
		r.images[m.digest] = &image{manifest: m, pushed: s.w.Now(), sequence: s.pushes, status: types.ImageStatusActive}
	}
	// imagePushedAt stays when a tag is added: aws/containers-roadmap#2746.
	if tag != nil {
		r.tags[*tag] = m.digest
	}
	s.replicate(r, m, tag)
	return nil
}

func (s *Service) alreadyExists(r *repository, digest string, tag *string) error {
	return &types.ImageAlreadyExistsException{Message: aws.String(fmt.Sprintf(
		"Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
		digest, orNull(tag), r.name, s.w.Account))}
}

// complete checks that what a manifest lists is in the repository.
func (s *Service) complete(r *repository, m manifest) error {
	var layers, images []string
	for _, b := range m.blobs {
		if _, ok := r.layers[b]; !ok {
			layers = append(layers, b)
		}
	}
	for _, c := range m.children {
		if _, ok := r.images[c]; !ok {
			images = append(images, c)
		}
	}
	text := func(what string, digests []string) *string {
		return aws.String(fmt.Sprintf("%s with digests '[%s]' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist",
			what, strings.Join(digests, ", "), r.name, s.w.Account))
	}
	switch {
	case len(layers) > 0:
		return &types.LayersNotFoundException{Message: text("Layers", layers)}
	case len(images) > 0:
		return &types.ReferencedImagesNotFoundException{Message: text("Images", images)}
	}
	return nil
}
