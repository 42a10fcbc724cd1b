package ecrsim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// Content is what is pushed: the same content always has the same digest.
type Content struct {
	// Name stands for the bytes of the layers, such as "backend v7".
	Name string
	// Bytes is the size of the layers; 0 means 52,428,800.
	Bytes int64
	// Children makes it an index of images that were pushed before.
	Children []string
	// Subject makes it an artifact that refers to the image of this digest.
	Subject string
}

// Push uploads an image or index and gives it the tags; without tags it stays
// untagged. It is what a build does, with layers and all.
func (s *Service) Push(repository string, c Content, tags ...string) (digest string, err error) {
	r, err := s.repo("PutImage", nil, &repository)
	if err != nil {
		return "", err
	}
	text, blobs, err := c.manifest()
	if err != nil {
		return "", err
	}
	for _, b := range blobs {
		r.layers[blob(b)] = b
	}
	m, err := parseManifest(&ecr.PutImageInput{ImageManifest: aws.String(text)})
	if err != nil {
		return "", err
	}
	if len(tags) == 0 {
		if _, exists := r.images[m.digest]; exists {
			return m.digest, nil
		}
		return m.digest, s.put(r, m, nil)
	}
	for _, t := range tags {
		if r.tags[t] == m.digest {
			continue
		}
		if err := s.put(r, m, &t); err != nil {
			return "", err
		}
	}
	return m.digest, nil
}

// manifest is the content's manifest, and what its config and layers hold.
func (c Content) manifest() (text string, blobs []string, err error) {
	type doc struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		ArtifactType  string       `json:"artifactType,omitempty"`
		Config        *descriptor  `json:"config,omitempty"`
		Layers        []descriptor `json:"layers,omitempty"`
		Manifests     []descriptor `json:"manifests,omitempty"`
		Subject       *descriptor  `json:"subject,omitempty"`
	}
	d := doc{SchemaVersion: 2, MediaType: mediaOCIImage}
	if c.Subject != "" {
		d.Subject = &descriptor{MediaType: mediaOCIImage, Digest: c.Subject, Size: 1024}
		d.ArtifactType = "application/vnd.stackrescue.note"
	}
	if len(c.Children) > 0 {
		d.MediaType = mediaOCIIndex
		for _, x := range c.Children {
			d.Manifests = append(d.Manifests, descriptor{MediaType: mediaOCIImage, Digest: x, Size: 1024})
		}
	} else {
		size := c.Bytes
		if size == 0 {
			size = 50 << 20
		}
		blobs = []string{"config of " + c.Name, "layer of " + c.Name}
		d.Config = &descriptor{MediaType: mediaConfig, Digest: blob(blobs[0]), Size: 1500}
		d.Layers = []descriptor{{MediaType: mediaLayer, Digest: blob(blobs[1]), Size: size}}
	}
	b, err := json.Marshal(d)
	if err != nil {
		return "", nil, fmt.Errorf("manifest of %q: %w", c.Name, err)
	}
	return string(b), blobs, nil
}

func blob(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}
