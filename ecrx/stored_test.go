package ecrx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
)

// TestParseImages takes pages and repeated dumps, and refuses what is of two
// moments or of two repositories: counts over them would be wrong.
func TestParseImages(t *testing.T) {
	t.Parallel()
	const a = `{"registryId":"1","repositoryName":"web","imageDigest":"sha256:aa","imageTags":["v1","v2"],"imagePushedAt":"2026-01-01T00:00:00Z"}`
	const b = `{"registryId":"1","repositoryName":"web","imageDigest":"sha256:bb","imagePushedAt":1767225600}`
	for text, want := range map[string]int{
		`{"imageDetails":[` + a + `]}{"imageDetails":[` + b + `]}`: 2,
		`[` + a + `,` + b + `]`: 2,
		`{"imageDetails":[` + a + `,` + b + `]}{"imageDetails":[` + a + `]}`:                                           2,
		`[` + a + `][{"imageDigest":"sha256:aa","imageTags":["v2","v1"],"imagePushedAt":"2026-01-01T01:00:00+01:00"}]`: 1,
		`{"imageDetails":[]}`: 0,
		`{"imageDetails":[` + a + `],"nextToken":"eyJ"}{"imageDetails":[` + b + `],"nextToken":null}`: 2,
		"\ufeff" + `[` + a + `]`: 1,
	} {
		images, err := ecrx.ParseImages([]byte(text))
		require.NoError(t, err, text)
		require.Len(t, images, want, text)
	}
	for text, want := range map[string]string{
		`[` + a + `][{"imageDigest":"sha256:aa","imageTags":["v1"],"imagePushedAt":"2026-01-01T00:00:00Z"}]`: "listed twice",
		`[` + a + `][{"registryId":"1","repositoryName":"api","imageDigest":"sha256:cc"}]`:                   "two repositories",
		`[` + a + `][{"registryId":"2","repositoryName":"web","imageDigest":"sha256:cc"}]`:                   "two repositories",
		`{"imageDetails":[` + a + `],"NextToken":"eyJ"}`:                                                     "not complete",
		`{"imageDetails":[` + a + `],"nextToken":"eyJ"}`:                                                     "not complete",
		`[{}]`:                "no imageDigest",
		``:                    "not the JSON of describe-images",
		`{"repositories":[]}`: "no imageDetails",
		`[` + a + `] oops`:    "not the JSON",
		`{"imageDetails":[{"imageDigest":"sha256:aa","imagePushedAt":"yesterday"}]}`: "not RFC 3339",
	} {
		_, err := ecrx.ParseImages([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
