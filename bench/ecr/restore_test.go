package ecr

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
)

const (
	image = "application/vnd.oci.image.manifest.v1+json"
	index = "application/vnd.oci.image.index.v1+json"
	list  = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// TestRestoredBytes restores tags through ecrx in a registry that checks
// digests itself: what comes out is what went in, byte by byte.
func TestRestoredBytes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	o := oci{t, server.URL}
	config, layer := o.blob("{}"), o.blob("layer")
	one := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":5}]}`, image, config, layer)
	child := digestOf([]byte(one))
	manifests := []struct{ name, mediaType, text string }{
		{"plain", image, one},
		{"newline at the end", image, one + "\n"},
		{"indented", image, "{\n   \"schemaVersion\": 2,\r\n\t\"mediaType\": \"" + image + "\",\n \"config\": {\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" + config + "\",\"size\":2}, \"layers\": [] }"},
		{"no media type inside", image, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + config + `","size":2},"layers":[]}`},
		{"escapes and umlauts", image, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + config + `","size":2},"layers":[],"annotations":{"a":"\u003cä\u0026<&>","b":"\/"}}`},
		{"index", index, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, index, image, child, len(one))},
		{"docker list", list, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]} `, list, image, child, len(one))},
	}
	for n, m := range manifests {
		status, _, b := o.do(http.MethodPut, fmt.Sprintf("app/manifests/build-%d", n), m.mediaType, []byte(m.text))
		require.Equal(t, http.StatusCreated, status, "%s: %s", m.name, b)
		img := ecrx.Image{Registry: "123456789012.dkr.ecr.us-east-1.amazonaws.com", Account: "123456789012", Region: "us-east-1", Repository: "app", Tag: fmt.Sprintf("v%d", n), Digest: digestOf([]byte(m.text))}
		got, err := img.RestoreTag(t.Context(), o)
		require.NoError(t, err, m.name)
		require.True(t, got.Changed)
		_, h, text := o.do(http.MethodGet, "app/manifests/"+img.Tag, "", nil)
		require.Equal(t, m.text, string(text), m.name)
		require.Equal(t, img.Digest, h.Get("Docker-Content-Digest"), m.name)
		require.Equal(t, m.mediaType, h.Get("Content-Type"), m.name)

		got, err = img.RestoreTag(t.Context(), o)
		require.NoError(t, err)
		require.False(t, got.Changed)
		pin, err := img.Pin(t.Context(), o)
		require.NoError(t, err)
		_, _, text = o.do(http.MethodGet, "app/manifests/"+pin.Image.Tag, "", nil)
		require.Equal(t, m.text, string(text), m.name)
	}
	t.Logf("%d manifests, byte by byte", len(manifests))
}
