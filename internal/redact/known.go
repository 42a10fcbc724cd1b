package redact

import (
	"encoding/base64"
	"net/url"
	"strings"
	"sync"
)

// Known are values that somebody has said are secrets, such as those of an
// environment's variables: they are taken out wherever they are, also as base64
// and percent-encoded. The zero value knows none. It is safe for concurrent use.
type Known struct {
	mu     sync.RWMutex
	values map[string]bool
}

// shortest is the least length of a value that is looked for anywhere: a shorter
// one is part of ordinary words.
const shortest = 6

// Add remembers a value, if name is one of a secret and the value is not a
// reference.
func (k *Known) Add(name, value string) {
	if nameStrength(name) != none {
		k.AddValue(value)
	}
}

// AddValue remembers a value that is a secret whatever its name is.
func (k *Known) AddValue(value string) {
	if len(value) < shortest || benign(value) || ordinary(value) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil {
		k.values = map[string]bool{}
	}
	for _, v := range []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value)), strings.ReplaceAll(value, `"`, `\"`)} {
		k.values[v] = true
	}
}

// ordinary reports whether a value is a plain word or number, which would be
// taken out of texts that have nothing to do with it.
func ordinary(v string) bool { return len(v) < 12 && (letters(v) || isDigits(v)) }

// Text is like the function [Text], without the known values as well.
func (k *Known) Text(s string) string { return text(s, k) }

func (k *Known) find(t *scan) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for v := range k.values {
		for at := 0; ; {
			i := strings.Index(t.s[at:], v)
			if i < 0 {
				break
			}
			t.hide(at+i, at+i+len(v))
			at += i + len(v)
		}
	}
}
