package secretssim

import (
	"context"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

var secretName = regexp.MustCompile(`^[-/_+=.@!A-Za-z0-9]{1,512}$`)

// CreateSecret implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
func (s *Service) CreateSecret(_ context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	name := aws.ToString(in.Name)
	if !secretName.MatchString(name) {
		return nil, invalidName()
	}
	for _, x := range s.secrets {
		if x.name != name {
			continue
		}
		if !x.deleted.IsZero() {
			return nil, badRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
		}
		return nil, &types.ResourceExistsException{Message: aws.String("The operation failed because the secret " + name + " already exists.")}
	}
	x := &secret{name: name, arn: s.w.ARN("secretsmanager", "secret:"+name+"-"+s.w.Name(6)), description: orAbsent(in.Description), kms: in.KmsKeyId,
		tags: in.Tags, tagsWereGiven: len(in.Tags) > 0, created: s.w.Now(), changed: s.w.Now()}
	out := &secretsmanager.CreateSecretOutput{ARN: aws.String(x.arn), Name: aws.String(name)}
	if in.SecretString != nil || in.SecretBinary != nil {
		v, err := s.put(x, in.ClientRequestToken, in.SecretString, in.SecretBinary, nil)
		if err != nil {
			return nil, err
		}
		out.VersionId = aws.String(v.id)
	} else if in.ClientRequestToken == nil {
		return nil, noToken()
	}
	s.secrets = append(s.secrets, x)
	return out, nil
}

// SetOwner marks a secret as managed by a service, as RDS does with the
// MasterUserSecret it makes.
func (s *Service) SetOwner(id, service string) error {
	x, err := s.find(&id)
	if err != nil {
		return err
	}
	x.owner = aws.String(service)
	return nil
}

// DescribeSecret implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
func (s *Service) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	x, err := s.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DescribeSecretOutput{
		ARN:                aws.String(x.arn),
		CreatedDate:        timeOrNil(x.created),
		DeletedDate:        timeOrNil(x.deleted),
		Description:        x.description,
		KmsKeyId:           x.kms,
		LastAccessedDate:   timeOrNil(x.accessed),
		LastChangedDate:    timeOrNil(x.changed),
		Name:               aws.String(x.name),
		OwningService:      x.owner,
		Tags:               x.shownTags(),
		VersionIdsToStages: x.stages(),
	}, nil
}

// shownTags are absent until the first was given, then never again
// (docs/aws/recordings.md secretsmanager test_secret_tags).
func (x *secret) shownTags() []types.Tag {
	if !x.tagsWereGiven {
		return nil
	}
	return append([]types.Tag{}, x.tags...)
}

func (x *secret) stages() map[string][]string {
	var m map[string][]string
	for _, v := range x.versions {
		if len(v.stages) > 0 {
			if m == nil {
				m = map[string][]string{}
			}
			m[v.id] = v.stages
		}
	}
	return m
}

// UpdateSecret implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
func (s *Service) UpdateSecret(_ context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	if in.ClientRequestToken == nil {
		return nil, noToken()
	}
	x, err := s.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.UpdateSecretOutput{ARN: aws.String(x.arn), Name: aws.String(x.name)}
	if in.SecretString != nil || in.SecretBinary != nil {
		v, err := s.put(x, in.ClientRequestToken, in.SecretString, in.SecretBinary, nil)
		if err != nil {
			return nil, err
		}
		out.VersionId = aws.String(v.id)
	}
	if in.Description != nil {
		x.description = orAbsent(in.Description)
	}
	if in.KmsKeyId != nil {
		x.kms = in.KmsKeyId
	}
	x.changed = s.w.Now()
	return out, nil
}

const defaultWindow = 30 // days

// DeleteSecret implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html:
// at once only by force, which also accepts a secret that does not exist.
func (s *Service) DeleteSecret(_ context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	force := aws.ToBool(in.ForceDeleteWithoutRecovery)
	days := int64(defaultWindow)
	if in.RecoveryWindowInDays != nil {
		if days = *in.RecoveryWindowInDays; force {
			return nil, badParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
		if days < 7 || days > 30 {
			return nil, badParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
	}
	now := s.w.Now()
	x, err := s.find(in.SecretId)
	switch {
	case err != nil && force:
		name := aws.ToString(in.SecretId)
		return &secretsmanager.DeleteSecretOutput{ARN: aws.String(s.w.ARN("secretsmanager", "secret:"+name+"-"+s.w.Name(6))), Name: aws.String(name), DeletionDate: aws.Time(now)}, nil
	case err != nil:
		return nil, err
	case force:
		s.remove(x)
		return &secretsmanager.DeleteSecretOutput{ARN: aws.String(x.arn), Name: aws.String(x.name), DeletionDate: aws.Time(now)}, nil
	case !x.deleted.IsZero():
		return nil, badRequest("You can't perform this operation on the secret because it was already scheduled for deletion.")
	}
	window := time.Duration(days) * 24 * time.Hour
	x.deleted = now
	x.deletion++
	mine := x.deletion
	s.w.After(window, func() {
		if x.deletion == mine {
			s.w.As("secretsmanager: the recovery window has ended", func() { s.remove(x) })
		}
	})
	return &secretsmanager.DeleteSecretOutput{ARN: aws.String(x.arn), Name: aws.String(x.name), DeletionDate: aws.Time(now.Add(window))}, nil
}

func (s *Service) remove(x *secret) {
	x.deletion++
	kept := s.secrets[:0:0]
	for _, y := range s.secrets {
		if y != x {
			kept = append(kept, y)
		}
	}
	s.secrets = kept
	s.w.Deleted("AWS::SecretsManager::Secret", x.arn)
}

// RestoreSecret implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html
func (s *Service) RestoreSecret(_ context.Context, in *secretsmanager.RestoreSecretInput) (*secretsmanager.RestoreSecretOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	x, err := s.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	x.deleted = time.Time{}
	x.deletion++
	return &secretsmanager.RestoreSecretOutput{ARN: aws.String(x.arn), Name: aws.String(x.name)}, nil
}

// orAbsent: an empty description is none
// (docs/aws/recordings.md secretsmanager test_create_secret_version_from_empty_secret).
func orAbsent(s *string) *string {
	if aws.ToString(s) == "" {
		return nil
	}
	return s
}

// nameOrARN: the name rule is the first thing every operation checks
// (docs/aws/recordings.md secretsmanager test_invalid_secret_name).
func nameOrARN(id *string) bool {
	return secretName.MatchString(aws.ToString(id)) || arnPattern.MatchString(aws.ToString(id))
}

var arnPattern = regexp.MustCompile(`^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[-/_+=.@!A-Za-z0-9]+$`)

func invalidName() error {
	return op.Error("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
}

func noToken() error {
	return badRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
}
