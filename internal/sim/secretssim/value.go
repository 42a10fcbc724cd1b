package secretssim

import (
	"bytes"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

// put adds a version, whose id is the request's token. The same token with the
// same value again changes nothing, with another it is refused
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html).
func (s *Service) put(x *secret, token, text *string, binary []byte, stages []string) (*version, error) {
	switch {
	case token == nil:
		return nil, noToken()
	case text != nil && binary != nil:
		return nil, badParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case text == nil && binary == nil:
		return nil, badRequest("You must provide either SecretString or SecretBinary.")
	}
	if old := x.byID(*token); old != nil {
		if aws.ToString(old.text) != aws.ToString(text) || !bytes.Equal(old.binary, binary) {
			return nil, &types.ResourceExistsException{Message: aws.String("You can't use ClientRequestToken " + *token +
				" because that value is already in use for a version of secret " + x.arn + ".")}
		}
		return old, nil
	}
	if len(stages) == 0 {
		stages = []string{current}
	}
	v := &version{id: *token, created: s.w.Now(), text: text, binary: binary}
	x.versions = append(x.versions, v)
	for _, stage := range stages {
		x.move(stage, v)
	}
	if len(x.versions) == 1 {
		x.move(current, v)
	}
	x.changed = s.w.Now()
	return v, nil
}

// PutSecretValue implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
func (s *Service) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
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
	v, err := s.put(x, in.ClientRequestToken, in.SecretString, in.SecretBinary, in.VersionStages)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutSecretValueOutput{ARN: aws.String(x.arn), Name: aws.String(x.name), VersionId: aws.String(v.id), VersionStages: v.stages}, nil
}

// GetSecretValue implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func (s *Service) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	x, err := s.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	stage := aws.ToString(in.VersionStage)
	if stage == "" {
		stage = current
	}
	v := x.byStage(stage)
	if in.VersionId != nil {
		if v = x.byID(*in.VersionId); v == nil {
			return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: %s", *in.VersionId)
		}
		if in.VersionStage != nil && !slices.Contains(v.stages, stage) {
			return nil, badRequest("You provided a VersionStage that is not associated to the provided VersionId.")
		}
	}
	if v == nil {
		return nil, notFound("Secrets Manager can't find the specified secret value for staging label: %s", stage)
	}
	x.accessed, v.accessed = day(s.w.Now()), day(s.w.Now())
	return &secretsmanager.GetSecretValueOutput{ARN: aws.String(x.arn), CreatedDate: aws.Time(v.created), Name: aws.String(x.name),
		SecretBinary: v.binary, SecretString: v.text, VersionId: aws.String(v.id), VersionStages: v.stages}, nil
}

// ListSecretVersionIds implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html:
// versions without a stage are deprecated and shown only on request.
func (s *Service) ListSecretVersionIds(_ context.Context, in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	x, err := s.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	all := []types.SecretVersionsListEntry{}
	for _, v := range x.versions {
		if len(v.stages) > 0 || aws.ToBool(in.IncludeDeprecated) {
			all = append(all, types.SecretVersionsListEntry{CreatedDate: aws.Time(v.created), KmsKeyIds: []string{orDefault(x.kms, "DefaultEncryptionKey")},
				LastAccessedDate: timeOrNil(v.accessed), VersionId: aws.String(v.id), VersionStages: orNone(v.stages)})
		}
	}
	part, next, ok := page.Of(all, in.NextToken, size(in.MaxResults))
	if !ok {
		return nil, &types.InvalidNextTokenException{Message: aws.String("Invalid NextToken.")}
	}
	return &secretsmanager.ListSecretVersionIdsOutput{ARN: aws.String(x.arn), Name: aws.String(x.name), NextToken: next, Versions: part}, nil
}

// UpdateSecretVersionStage implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
func (s *Service) UpdateSecretVersionStage(_ context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	x, err := s.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	stage := aws.ToString(in.VersionStage)
	var to *version
	if in.MoveToVersionId != nil {
		if to = x.byID(*in.MoveToVersionId); to == nil {
			return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: %s", *in.MoveToVersionId)
		}
	}
	at := x.byStage(stage)
	if at != nil && at != to && (in.RemoveFromVersionId == nil || *in.RemoveFromVersionId != at.id) {
		return nil, badParameter("The parameter RemoveFromVersionId can't be empty. Staging label " + stage + " is currently attached to version " + at.id + ", so you must explicitly reference that version in RemoveFromVersionId.")
	}
	if to == nil && stage == current {
		return nil, badParameter("You can't remove the staging label AWSCURRENT from a version: move it to another one.")
	}
	x.move(stage, to)
	x.changed = s.w.Now()
	return &secretsmanager.UpdateSecretVersionStageOutput{ARN: aws.String(x.arn), Name: aws.String(x.name)}, nil
}

func orNone(stages []string) []string {
	if len(stages) == 0 {
		return nil
	}
	return stages
}

func orDefault(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}

func size(n *int32) int {
	if n == nil || *n <= 0 {
		return 100
	}
	return int(*n)
}
