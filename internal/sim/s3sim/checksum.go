package s3sim

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"hash/crc64"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// checksums of an object: those that came with it, or else CRC-64/NVME, which
// the service computes by itself
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
type checksums struct{ crc32, crc32c, crc64nvme, sha1, sha256 *string }

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// verify compares the checksums of a request with the body.
func verify(in *s3.PutObjectInput, body []byte) (checksums, error) {
	given := checksums{in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256}
	s1, s256 := sha1.Sum(body), sha256.Sum256(body)
	actual := []struct {
		name  string
		given *string
		sum   []byte
	}{
		{"CRC32", given.crc32, binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))},
		{"CRC32C", given.crc32c, binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, castagnoli))},
		{"CRC64NVME", given.crc64nvme, binary.BigEndian.AppendUint64(nil, crc64.Checksum(body, nvme))},
		{"SHA1", given.sha1, s1[:]},
		{"SHA256", given.sha256, s256[:]},
	}
	none := true
	for _, a := range actual {
		if a.given == nil {
			continue
		}
		none = false
		if *a.given != base64.StdEncoding.EncodeToString(a.sum) {
			return given, op.Error("BadDigest", "The "+a.name+" you specified did not match the calculated checksum.")
		}
	}
	if none {
		given.crc64nvme = new(base64.StdEncoding.EncodeToString(actual[2].sum))
	}
	return given, nil
}
