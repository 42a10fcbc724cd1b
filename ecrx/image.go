package ecrx

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Image is an image reference taken apart.
type Image struct {
	// Registry is the host, with its port if it has one; "docker.io" where the
	// reference names none.
	Registry string `json:"registry"`
	// Account and Region are those of a private ECR registry, "" elsewhere.
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	// Repository is the path without the registry, "library/nginx" for "nginx".
	Repository string `json:"repository"`
	// Tag is "" when the reference has none; where it has neither tag nor
	// digest, Tag is "latest".
	Tag string `json:"tag,omitempty"`
	// Digest is such as "sha256:…"; it wins over the tag.
	Digest string `json:"digest,omitempty"`
}

// ErrReference is returned by [Parse] if the text is no image reference.
var ErrReference = errors.New("not an image reference")

// privateHost is a private ECR registry of any partition, FIPS and dual-stack
// names included (docs/aws/ecr.md 1.7).
var privateHost = regexp.MustCompile(`^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$`)

// Parse takes an image reference apart, by the grammar that container runtimes
// use. The error is [ErrReference]. It is pure.
func Parse(ref string) (Image, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return Image{}, fmt.Errorf("image %q: %w: %w", ref, ErrReference, err)
	}
	i := Image{Registry: reference.Domain(named), Repository: reference.Path(named)}
	if m := privateHost.FindStringSubmatch(i.Registry); m != nil {
		i.Account, i.Region = m[1], m[2]
	}
	if d, ok := named.(reference.Digested); ok {
		i.Digest = d.Digest().String()
	}
	if t, ok := named.(reference.Tagged); ok {
		i.Tag = t.Tag()
	}
	// ParseDockerRef drops the tag of a reference that has both.
	if full, err := reference.ParseNormalizedNamed(ref); err == nil && i.Tag == "" {
		if t, ok := full.(reference.Tagged); ok {
			i.Tag = t.Tag()
		}
	}
	return i, nil
}

// Private reports whether the image is in a private ECR registry.
func (i Image) Private() bool { return i.Account != "" }

// Name is registry and repository, without tag and digest.
func (i Image) Name() string { return i.Registry + "/" + i.Repository }

// String is the reference in full; Parse of it gives the same Image.
func (i Image) String() string {
	var b strings.Builder
	b.WriteString(i.Name())
	if i.Tag != "" {
		b.WriteString(":" + i.Tag)
	}
	if i.Digest != "" {
		b.WriteString("@" + i.Digest)
	}
	return b.String()
}
