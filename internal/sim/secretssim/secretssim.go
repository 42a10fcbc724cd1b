// Package secretssim simulates AWS Secrets Manager: secrets, their versions
// and stages, deletion with a recovery window.
//
// All methods are called inside the clock's Do.
package secretssim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Service is the secret store of one region.
type Service struct {
	w       *world.World
	secrets []*secret // in the order they were made
}

type secret struct {
	name, arn     string
	description   *string
	kms           *string
	owner         *string
	tags          []types.Tag
	created       time.Time
	changed       time.Time
	accessed      time.Time
	deleted       time.Time // scheduled for deletion since
	deletion      int       // generation; restoring ends an older one
	versions      []*version
	tagsWereGiven bool
}

type version struct {
	id       string
	created  time.Time
	accessed time.Time
	text     *string
	binary   []byte
	stages   []string // sorted
}

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

// New returns a store without secrets.
func New(w *world.World) *Service { return &Service{w: w} }

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.CreateSecret)
	op.On(t, s.DescribeSecret)
	op.On(t, s.ListSecrets)
	op.On(t, s.UpdateSecret)
	op.On(t, s.DeleteSecret)
	op.On(t, s.RestoreSecret)
	op.On(t, s.GetSecretValue)
	op.On(t, s.PutSecretValue)
	op.On(t, s.ListSecretVersionIds)
	op.On(t, s.UpdateSecretVersionStage)
	op.On(t, s.TagResource)
	op.On(t, s.UntagResource)
}

// find finds a secret by name, ARN, or ARN without its suffix. An id that ends
// like a suffix is taken for a complete ARN
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen).
func (s *Service) find(id *string) (*secret, error) {
	name, isARN := aws.ToString(id), false
	if i := strings.Index(name, ":secret:"); i >= 0 && strings.HasPrefix(name, "arn:") {
		isARN = true
	}
	for _, x := range s.secrets {
		switch {
		case !isARN && x.name == name, x.arn == name:
			return x, nil
		case isARN && !suffixed(name) && x.arn[:len(x.arn)-7] == name:
			return x, nil
		}
	}
	return nil, notFound("Secrets Manager can't find the specified secret.")
}

// suffixed reports whether s ends in a hyphen and six letters or digits.
func suffixed(s string) bool {
	if len(s) < 7 || s[len(s)-7] != '-' {
		return false
	}
	return !strings.ContainsFunc(s[len(s)-6:], func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// live is find for operations that a scheduled deletion forbids.
func (s *Service) live(id *string) (*secret, error) {
	x, err := s.find(id)
	if err == nil && !x.deleted.IsZero() {
		return nil, badRequest("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return x, err
}

// Texts are those of docs/aws/recordings.md secretsmanager.

func notFound(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func badRequest(text string) error { return &types.InvalidRequestException{Message: aws.String(text)} }

func badParameter(text string) error {
	return &types.InvalidParameterException{Message: aws.String(text)}
}

func (x *secret) byID(id string) *version {
	for _, v := range x.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

func (x *secret) byStage(stage string) *version {
	for _, v := range x.versions {
		if slices.Contains(v.stages, stage) {
			return v
		}
	}
	return nil
}

// move takes the stage from the version that has it and gives it to v. What
// held AWSCURRENT becomes AWSPREVIOUS and is no longer pending
// (docs/aws/recordings.md secretsmanager test_update_secret_version_stages_current_pending).
func (x *secret) move(stage string, v *version) {
	old := x.byStage(stage)
	if old == v {
		return
	}
	if old != nil {
		old.drop(stage)
		if stage == current {
			old.drop(pending)
			x.move(previous, old)
		}
	}
	if v != nil {
		v.stages = append(v.stages, stage)
		slices.Sort(v.stages)
	}
}

func (v *version) drop(stage string) {
	v.stages = slices.DeleteFunc(v.stages, func(s string) bool { return s == stage })
}

// day is how exactly the time of the last access is known.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
