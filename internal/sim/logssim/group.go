package logssim

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

type group struct {
	name, arn string
	created   int64
	class     types.LogGroupClass
	kms       *string
	retention *int32 // days
	protected bool
	tags      map[string]string
	streams   map[string]*stream
}

var groupName = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]+$`)

// CreateLogGroup implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
func (s *Service) CreateLogGroup(_ context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	name := aws.ToString(in.LogGroupName)
	if len(name) > 512 {
		return nil, invalid("Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
	}
	if !groupName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", name)
	}
	if _, ok := s.groups[name]; ok {
		return nil, exists("group")
	}
	g := &group{name: name, arn: s.w.ARN("logs", "log-group:"+name), created: s.w.Now().UnixMilli(), class: in.LogGroupClass,
		kms: in.KmsKeyId, protected: aws.ToBool(in.DeletionProtectionEnabled), tags: map[string]string{}, streams: map[string]*stream{}}
	if g.class == "" {
		g.class = types.LogGroupClassStandard
	}
	maps.Copy(g.tags, in.Tags)
	s.groups[name] = g
	return &cloudwatchlogs.CreateLogGroupOutput{}, nil
}

// DeleteLogGroup implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html;
// the text for a protected group is UNCERTAIN.
func (s *Service) DeleteLogGroup(_ context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	g, err := s.group(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if g.protected {
		return nil, &types.ValidationException{Message: aws.String("Log group cannot be deleted because deletion protection is enabled.")}
	}
	delete(s.groups, g.name)
	s.w.Deleted("AWS::Logs::LogGroup", g.name)
	return &cloudwatchlogs.DeleteLogGroupOutput{}, nil
}

// DescribeLogGroups implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html.
// A search by pattern leaves some members out and gives a token even on a page
// that holds everything (docs/aws/recordings.md logs test_describe_log_groups_with_pattern).
func (s *Service) DescribeLogGroups(_ context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if err := atMost("limit", in.Limit, 50); err != nil {
		return nil, err
	}
	var wanted []*group
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[name]
		switch {
		case !strings.HasPrefix(name, aws.ToString(in.LogGroupNamePrefix)):
		case !strings.Contains(name, aws.ToString(in.LogGroupNamePattern)):
		case in.LogGroupClass != "" && in.LogGroupClass != g.class:
		case len(in.LogGroupIdentifiers) > 0 && !slices.ContainsFunc(in.LogGroupIdentifiers, func(id string) bool { return groupOf(id) == name }):
		default:
			wanted = append(wanted, g)
		}
	}
	size := 50
	if in.Limit != nil {
		size = int(*in.Limit)
	}
	part, next, ok := page.Of(wanted, in.NextToken, size)
	if !ok {
		return nil, badToken()
	}
	search := in.LogGroupNamePattern != nil
	if search && next == nil && in.NextToken == nil {
		_, next, _ = page.Of(make([]struct{}, len(wanted)+1), nil, len(wanted))
	}
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}, NextToken: next}
	for _, g := range part {
		x := types.LogGroup{Arn: aws.String(g.arn + ":*"), CreationTime: aws.Int64(g.created), KmsKeyId: g.kms, LogGroupArn: aws.String(g.arn),
			LogGroupClass: g.class, LogGroupName: aws.String(g.name), MetricFilterCount: aws.Int32(0), RetentionInDays: g.retention}
		if !search {
			x.DeletionProtectionEnabled = aws.Bool(g.protected)
			x.StoredBytes = aws.Int64(0) // counted once a day at most
		}
		out.LogGroups = append(out.LogGroups, x)
	}
	return out, nil
}

// retentions are the days that
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html allows.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy sets how long the group's events are kept.
func (s *Service) PutRetentionPolicy(_ context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	g, err := s.group(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(retentions, aws.ToInt32(in.RetentionInDays)) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set", aws.ToInt32(in.RetentionInDays))
	}
	g.retention = in.RetentionInDays
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, nil
}

// DeleteRetentionPolicy implements https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteRetentionPolicy.html
func (s *Service) DeleteRetentionPolicy(_ context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	g, err := s.group(in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	g.retention = nil
	return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, nil
}
