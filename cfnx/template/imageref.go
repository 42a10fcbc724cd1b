package template

import (
	// A digest is valid only in a program that has its algorithm.
	_ "crypto/sha256"
	_ "crypto/sha512"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// ImageRef is an image reference in its parts. Parts may hold ${Name} where a
// template leaves them open.
type ImageRef struct {
	Registry   string // host with port; "" for the default registry
	Repository string
	Tag        string // without its colon
	Digest     string // "sha256:…", without its @
}

// parseImageRef takes a reference apart and never fails: what it cannot tell
// goes into Repository. A first part is the registry where it holds a dot or a
// colon, is localhost, or is nothing but one ${Name}. A colon inside ${…}
// belongs to the name.
func parseImageRef(text string) ImageRef {
	var r ImageRef
	text, at := expr.CutOutside(text, '@', false)
	r.Digest = at
	if host, rest := expr.CutOutside(text, '/', false); rest != "" && isRegistry(host) {
		r.Registry, text = host, rest
	}
	name, tag := expr.CutOutside(text, ':', true)
	if before, _ := expr.CutOutside(tag, '/', false); before != tag {
		name, tag = text, "" // the colon of a port
	}
	r.Repository, r.Tag = name, tag
	return r
}

// String puts the reference together again.
func (r ImageRef) String() string {
	s := r.Repository
	if r.Registry != "" {
		s = r.Registry + "/" + s
	}
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// with returns the reference with another suffix, ":tag" or "@digest", in
// place of its tag and digest.
func (r ImageRef) with(suffix string) string {
	r.Tag, r.Digest = "", ""
	return r.String() + suffix
}

func isRegistry(host string) bool {
	return strings.ContainsAny(host, ".:") || host == "localhost" ||
		strings.HasPrefix(host, "${") && strings.IndexByte(host, '}') == len(host)-1
}
