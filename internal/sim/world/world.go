// Package world is what every simulated service of one region stands on: the
// clock, the account and region, generated identifiers, and the switches.
package world

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sim/clock"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// World is one region of one account. Everything in it is read and written
// inside the clock's Do.
type World struct {
	*clock.Clock
	// Account is the 12-digit account id.
	Account string
	// Partition is "aws", "aws-cn" or "aws-us-gov".
	Partition string
	// Region is such as "us-east-1".
	Region string
	// Invalid is what is wrong with the switches; the doors return it.
	Invalid error
	// Switches are never nil.
	Switches *simtype.Switches

	ids     *uint64
	journal *journal
}

// New returns the world of one region. Regions made by [World.In] share the
// clock and the run of identifiers.
func New(c *clock.Clock, account, region string, s *simtype.Switches) *World {
	if s == nil {
		s = &simtype.Switches{}
	}
	err := s.Complete()
	return &World{Invalid: err, Clock: c, Account: account, Partition: partition(region), Region: region, Switches: s, ids: new(uint64), journal: &journal{}}
}

// In is the same account in another region.
func (w *World) In(region string) *World {
	n := *w
	n.Region, n.Partition = region, partition(region)
	return &n
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// URLSuffix is the value of AWS::URLSuffix.
func (w *World) URLSuffix() string {
	if w.Partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// ARN builds the name of a resource in this account and region.
func (w *World) ARN(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", w.Partition, service, w.Region, w.Account, resource)
}

// IAM builds the name of a resource of IAM, which has no region.
func (w *World) IAM(resource string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", w.Partition, w.Account, resource)
}

// next is the next pseudo-random block: the same run of calls makes the same
// identifiers, so that golden files can hold them.
func (w *World) next() [32]byte {
	*w.ids++
	var b [16]byte
	copy(b[:], "world-id")
	binary.BigEndian.PutUint64(b[8:], *w.ids)
	return sha256.Sum256(b[:])
}

// Hex is a new identifier of n hexadecimal digits, at most 64.
func (w *World) Hex(n int) string {
	b := w.next()
	return hex.EncodeToString(b[:])[:n]
}

// UUID is a new identifier in the form of a version 4 UUID.
func (w *World) UUID() string {
	h := w.Hex(32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// Digits is a new identifier of n decimal digits that does not start with 0.
func (w *World) Digits(n int) string { return w.from("0123456789", n) }

// Name is a new identifier of n upper-case letters and digits, as
// CloudFormation appends to generated names.
func (w *World) Name(n int) string { return w.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", n) }

// Mixed is a new identifier of n letters and digits, as ECS names service
// deployments.
func (w *World) Mixed(n int) string {
	return w.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", n)
}

func (w *World) from(alphabet string, n int) string {
	b := w.next()
	s := make([]byte, n)
	for i := range s {
		s[i] = alphabet[int(b[i%32])%len(alphabet)]
	}
	if s[0] == '0' {
		s[0] = alphabet[1]
	}
	return string(s)
}
