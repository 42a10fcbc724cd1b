package ecrsim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const (
	mediaOCIImage    = "application/vnd.oci.image.manifest.v1+json"
	mediaOCIIndex    = "application/vnd.oci.image.index.v1+json"
	mediaDockerImage = "application/vnd.docker.distribution.manifest.v2+json"
	mediaDockerList  = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaConfig      = "application/vnd.oci.image.config.v1+json"
	mediaLayer       = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// manifest is the text of a manifest and what ECR reads in it.
type manifest struct {
	text, digest, mediaType, artifactType, subject string

	size     int64
	children []string // of an index
	blobs    []string // config and layers
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// parseManifest reads a manifest by the rules of
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html:
// OCI manifests may leave their media type out, then the request must name it.
func parseManifest(in *ecr.PutImageInput) (manifest, error) {
	m := manifest{text: aws.ToString(in.ImageManifest)}
	if n := len(m.text); n < 1 || n > 4194304 {
		return m, invalid("ImageManifest", "must have length between 1 and 4194304")
	}
	var doc struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		ArtifactType  string       `json:"artifactType"`
		Config        *descriptor  `json:"config"`
		Layers        []descriptor `json:"layers"`
		Manifests     []descriptor `json:"manifests"`
		Subject       *descriptor  `json:"subject"`
	}
	if err := json.Unmarshal([]byte(m.text), &doc); err != nil {
		return m, invalid("ImageManifest", "Invalid JSON syntax")
	}
	given := aws.ToString(in.ImageManifestMediaType)
	switch {
	case doc.MediaType == "" && given == "":
		return m, invalid("ImageManifestMediaType", "must be given when the manifest does not contain its media type")
	case doc.MediaType != "" && given != "" && doc.MediaType != given:
		return m, invalid("ImageManifestMediaType", "must equal the media type of the manifest")
	}
	if m.mediaType = doc.MediaType; m.mediaType == "" {
		m.mediaType = given
	}
	sum := sha256.Sum256([]byte(m.text))
	m.digest = "sha256:" + hex.EncodeToString(sum[:])
	if want := aws.ToString(in.ImageDigest); want != "" && want != m.digest {
		return m, &types.ImageDigestDoesNotMatchException{Message: aws.String(
			"The provided image digest '" + want + "' does not match the digest '" + m.digest + "' of the image manifest")}
	}
	switch m.mediaType {
	case mediaOCIImage, mediaDockerImage:
		if doc.Config != nil {
			m.blobs = append(m.blobs, doc.Config.Digest)
			m.artifactType = doc.Config.MediaType
		}
		if doc.ArtifactType != "" {
			m.artifactType = doc.ArtifactType
		}
		for _, l := range doc.Layers {
			m.blobs = append(m.blobs, l.Digest)
			m.size += l.Size
		}
	case mediaOCIIndex, mediaDockerList:
		for _, c := range doc.Manifests {
			m.children = append(m.children, c.Digest)
		}
		m.artifactType = doc.ArtifactType
	default:
		return m, invalid("ImageManifestMediaType", "must be a supported media type")
	}
	if doc.Subject != nil {
		m.subject = doc.Subject.Digest
	}
	return m, nil
}
