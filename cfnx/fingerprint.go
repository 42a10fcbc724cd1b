package cfnx

import (
	"crypto/sha256"
	"encoding/hex"
)

// fingerprint names bytes: the first 16 hexadecimal digits of their SHA-256.
func fingerprint(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
