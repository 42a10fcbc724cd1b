package ecrsim

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// A PullError is why a reference cannot be pulled, in containerd's words as ECS
// passes them on (docs/aws/ecs.md 1.2):
//
//	failed to resolve ref <ref>: not found
type PullError struct {
	Ref    string
	Reason string
}

func (e *PullError) Error() string { return "failed to resolve ref " + e.Ref + ": " + e.Reason }

// NotFound reports whether the registry knows no such image, which it also says
// of an archived one (docs/aws/ecr.md 1.4).
func (e *PullError) NotFound() bool { return e.Reason == notFound }

const (
	notFound = "not found"
	noAccess = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"
)

// privateHost is a private registry of any partition (docs/aws/ecr.md 1.7).
var privateHost = regexp.MustCompile(`^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$`)

// Pull resolves an image reference as a container agent does, records the pull
// and returns the digest. Errors are of type [*PullError].
func (s *Service) Pull(ref string) (digest string, err error) {
	r := parseReference(ref)
	fail := func(reason string) (string, error) { return "", &PullError{Ref: r.String(), Reason: reason} }
	if d, ok := s.external[r.String()]; ok {
		return d, nil
	}
	host := privateHost.FindStringSubmatch(r.host)
	switch {
	case host == nil && s.w.Switches.PublicImages == "exist" && !s.removed[r.String()]:
		return publicDigest(r), nil
	case host == nil && r.host == dockerHub:
		return fail(noAccess)
	case host == nil:
		return fail(notFound)
	case host[1] != s.w.Account:
		return fail(fmt.Sprintf("unexpected status from HEAD request to https://%s/v2/%s/manifests/%s: 403 Forbidden", r.host, r.path, r.version()))
	case host[2] != s.w.Region:
		return fail(notFound)
	}
	repo, ok := s.repos[r.path]
	if !ok {
		return fail(notFound)
	}
	if digest = r.digest; digest == "" {
		digest = repo.tags[r.tag]
	}
	i, ok := repo.images[digest]
	if !ok || i.status != types.ImageStatusActive {
		return fail(notFound)
	}
	i.pulled = s.w.Now()
	for _, c := range i.children {
		if child, ok := repo.images[c]; ok {
			child.pulled = i.pulled
		}
	}
	return i.digest, nil
}

// publicDigest makes up the digest of an image elsewhere.
func publicDigest(r reference) string {
	if r.digest != "" {
		return r.digest
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(r.String())))
}

// AddExternal makes the reference to a registry elsewhere, such as
// "nginx:1.27", exist, and returns its digest.
func (s *Service) AddExternal(ref string) string {
	r := parseReference(ref)
	byDigest := r
	byDigest.tag, byDigest.digest = "", publicDigest(r)
	delete(s.removed, r.String())
	delete(s.removed, byDigest.String())
	s.external[r.String()] = publicDigest(r)
	return s.external[r.String()]
}

// RemoveExternal takes the reference away.
func (s *Service) RemoveExternal(ref string) {
	r := parseReference(ref)
	byDigest := r
	byDigest.tag, byDigest.digest = "", publicDigest(r)
	for _, name := range []string{r.String(), byDigest.String()} {
		delete(s.external, name)
		s.removed[name] = true
	}
}

const dockerHub = "docker.io"

type reference struct{ host, path, tag, digest string }

func (r reference) version() string {
	if r.digest != "" {
		return r.digest
	}
	return r.tag
}

func (r reference) String() string {
	if r.digest != "" {
		return r.host + "/" + r.path + "@" + r.digest
	}
	return r.host + "/" + r.path + ":" + r.tag
}

// parseReference follows the grammar of image references (docs/aws/ecr.md
// 1.7): a first component with a dot, a colon or "localhost" is the host; with
// tag and digest the digest wins.
func parseReference(s string) reference {
	r := reference{host: dockerHub}
	s, r.digest, _ = strings.Cut(s, "@")
	if host, rest, ok := strings.Cut(s, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		r.host, s = host, rest
	}
	r.path, r.tag, _ = strings.Cut(s, ":")
	if r.host == dockerHub && !strings.Contains(r.path, "/") {
		r.path = "library/" + r.path
	}
	if r.tag == "" {
		r.tag = "latest"
	}
	return r
}
