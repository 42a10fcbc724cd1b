package wire

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/s3sim"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Each operation of S3 has its route, and each route its operation.
func TestRoutes(t *testing.T) {
	t.Parallel()
	var table op.Table
	s3sim.New(&world.World{}).Register(&table)
	var operations, routed []string
	for _, o := range table.All() {
		operations = append(operations, o.Name)
	}
	for _, r := range routes {
		routed = append(routed, r.name)
	}
	slices.Sort(routed)
	require.Equal(t, operations, routed)
}

// Header and query names follow from members' names.
func TestKebab(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"MaxKeys": "max-keys", "ETag": "etag", "IfNoneMatch": "if-none-match", "ContentMD5": "content-md5",
		"ChecksumCRC32": "checksum-crc32", "ACL": "acl", "CopySourceIfMatch": "copy-source-if-match", "ServerSideEncryption": "server-side-encryption"} {
		require.Equal(t, want, kebab(name))
	}
}
