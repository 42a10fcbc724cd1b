package wire

import (
	"net/http"
	"reflect"
	"strings"
)

func find(q *http.Request, bucket, key string) (route, bool) {
	level := 0
	if bucket != "" {
		level++
		if key != "" {
			level++
		}
	}
	sub := ""
	for _, s := range subresources {
		if q.URL.Query().Has(s) {
			sub = s
		}
	}
	for _, r := range routes {
		if r.method == q.Method && r.level == level && r.query == sub && (r.header == "" || q.Header.Get(r.header) != "") {
			return r, true
		}
	}
	return route{}, false
}

// bind sets an input's scalar members from the query and the headers, whose
// names follow from the members': MaxKeys is max-keys, IfNoneMatch
// If-None-Match, CopySource x-amz-copy-source.
func bind(in reflect.Value, r *http.Request) error {
	query := r.URL.Query()
	for _, m := range planOf(in.Type()) {
		if m.name == "Bucket" || m.name == "Key" || m.name == "Body" {
			continue
		}
		if m.typ == reflect.TypeFor[map[string]string]() {
			meta := map[string]string{}
			for k, v := range r.Header {
				if name, ok := strings.CutPrefix(strings.ToLower(k), "x-amz-meta-"); ok && m.name == "Metadata" {
					meta[name] = v[0]
				}
			}
			if len(meta) > 0 {
				in.Field(m.index).Set(reflect.ValueOf(meta))
			}
			continue
		}
		name := kebab(m.name)
		value, ok := "", false
		for _, candidate := range []string{name, m.lower} {
			if !ok && query.Has(candidate) {
				value, ok = query.Get(candidate), true
			}
		}
		for _, candidate := range []string{"x-amz-" + name, name} {
			if v := r.Header.Get(candidate); !ok && v != "" {
				value, ok = v, true
			}
		}
		if !ok {
			continue
		}
		if err := (filler{text: true}).fill(in.Field(m.index), value, m.name); err != nil {
			return err
		}
	}
	return nil
}

// kebab is "max-keys" for "MaxKeys", "etag" for "ETag".
func kebab(name string) string {
	var b strings.Builder
	for i, c := range name {
		if upper := c >= 'A' && c <= 'Z'; upper && i > 1 && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}
