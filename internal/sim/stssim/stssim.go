// Package stssim simulates what programs ask AWS STS before anything else: who
// they are, and for another role.
//
// All methods are called inside the clock's Do.
package stssim

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Service is the token service of one account.
type Service struct {
	w      *world.World
	roleID map[string]string
}

// New returns a token service.
func New(w *world.World) *Service { return &Service{w: w, roleID: map[string]string{}} }

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.GetCallerIdentity)
	op.On(t, s.AssumeRole)
	op.On(t, s.GetAccessKeyInfo)
}

const userID = "AIDASIMULATEDUSER0001"

// CallerARN is who every caller is.
func (s *Service) CallerARN() string {
	return fmt.Sprintf("arn:%s:iam::%s:user/simulated", s.w.Partition, s.w.Account)
}

// GetCallerIdentity implements https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Service) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String(s.w.Account), Arn: aws.String(s.CallerARN()), UserId: aws.String(userID)}, nil
}

// GetAccessKeyInfo implements https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
func (s *Service) GetAccessKeyInfo(context.Context, *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	return &sts.GetAccessKeyInfoOutput{Account: aws.String(s.w.Account)}, nil
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]*$`)

// AssumeRole implements https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// for any role of the account; texts are those of docs/aws/recordings.md sts.
func (s *Service) AssumeRole(_ context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	arn, session := aws.ToString(in.RoleArn), aws.ToString(in.RoleSessionName)
	if !sessionName.MatchString(session) {
		return nil, op.Error("ValidationError", `1 validation error detected: Value '`+session+`' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	f := strings.SplitN(arn, ":", 6)
	if len(f) < 6 || f[0] != "arn" || f[1] == "" || f[2] == "" || f[5] == "" {
		return nil, op.Error("ValidationError", arn+" is invalid")
	}
	if err := checkTags(in); err != nil {
		return nil, err
	}
	role := f[5][strings.LastIndex(f[5], "/")+1:]
	if f[4] != s.w.Account {
		return nil, op.WithStatus(http.StatusForbidden, op.Error("AccessDenied", "User: "+s.CallerARN()+" is not authorized to perform: sts:AssumeRole on resource: "+arn))
	}
	seconds := int32(3600)
	if in.DurationSeconds != nil {
		if seconds = *in.DurationSeconds; seconds < 900 || seconds > 43200 {
			return nil, op.Error("ValidationError", fmt.Sprintf("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200", seconds))
		}
	}
	if s.roleID[arn] == "" {
		s.roleID[arn] = "AROA" + s.w.Name(17)
	}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{
			Arn:           aws.String(fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", s.w.Partition, s.w.Account, role, session)),
			AssumedRoleId: aws.String(s.roleID[arn] + ":" + session),
		},
		Credentials: &types.Credentials{AccessKeyId: aws.String("ASIA" + s.w.Name(16)), Expiration: aws.Time(s.w.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second)),
			SecretAccessKey: aws.String("simulated-" + s.w.Hex(30)), SessionToken: aws.String("simulated-" + s.w.Hex(64))},
	}, nil
}

func checkTags(in *sts.AssumeRoleInput) error {
	given := map[string]bool{}
	for _, t := range in.Tags {
		k := strings.ToLower(aws.ToString(t.Key))
		if given[k] {
			return op.Error("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		given[k] = true
	}
	for _, k := range in.TransitiveTagKeys {
		if !given[strings.ToLower(k)] {
			return op.Error("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
	}
	return nil
}
