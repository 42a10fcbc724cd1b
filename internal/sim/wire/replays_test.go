package wire_test

// replays are the requests behind recorded answers, by the file of
// recordings. The requests are those of the tests named.
var replays = map[string]struct {
	replays []replay
	leftOut map[string]string // by the beginning of the test's name
}{
	"logs/test_logs_events.snapshot.json": {replays: []replay{
		{"TestLogsEvents::test_put_log_events_to_invalid_stream", `
			CreateLogGroup {"logGroupName":"g"}
			PutLogEvents {"logGroupName":"g","logStreamName":"invalid-stream","logEvents":[{"timestamp":$now,"message":"test"}]} => error-invalid-stream`},
		{"TestLogsEvents::test_put_log_events_wrong_order", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			PutLogEvents {"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":$now,"message":"0"},{"timestamp":$earlier,"message":"1"}]} => error-wrong-order`},
		{"TestLogsEvents::test_put_log_events_too_old", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			PutLogEvents {"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":$old,"message":"Old message"}]} => response-too-old`},
		{"TestLogsEvents::test_put_log_events_too_new", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			PutLogEvents {"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":$future,"message":"Future message"}]} => response-too-new`},
		{"TestLogsEvents::test_get_log_events_invalid_token", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			GetLogEvents {"logGroupName":"g","logStreamName":"s","nextToken":"invalid-token"} => error-invalid-token`},
		{"TestLogsEvents::test_get_log_events_limit_validation", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			GetLogEvents {"logGroupName":"g","logStreamName":"s","limit":10001} => error-limit-exceeded`},
		{"TestLogsEventsErrors::test_resource_does_not_exist", `
			GetLogEvents {"logGroupName":"g","logStreamName":"s"} => error-log-group-does-not-exist
			CreateLogGroup {"logGroupName":"g"}
			GetLogEvents {"logGroupName":"g","logStreamName":"s"} => error-log-stream-does-not-exist`},
	}},
	"logs/test_logs_filter_events.snapshot.json": {replays: []replay{
		{"TestFilterLogEvents::test_filter_log_events_limit_validation", `
			CreateLogGroup {"logGroupName":"g"}
			FilterLogEvents {"logGroupName":"g","limit":10001} => error-limit-exceeded`},
		{"TestFilterLogEvents::test_filter_log_events_unknown_token", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			FilterLogEvents {"logGroupName":"g","logStreamNames":["s"],"limit":20,"nextToken":"invalid-token"} => invalid-token`},
	}},
	"logs/test_logs_streams.snapshot.json": {replays: []replay{
		{"TestLogsStreams::test_create_and_delete_log_stream", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			DescribeLogStreams {"logGroupName":"g"} => describe-log-streams-after-create
			DeleteLogStream {"logGroupName":"g","logStreamName":"s"}`},
		{"TestLogsStreams::test_create_log_stream_duplicate_error", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"} => error-duplicate-log-stream`},
		{"TestLogsStreams::test_describe_log_streams_with_log_group_identifier", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			DescribeLogStreams {"logGroupIdentifier":"g"} => describe-streams-identifier-name
			DescribeLogStreams {"logGroupIdentifier":"arn:aws:logs:us-east-1:111111111111:log-group:g"} => describe-streams-identifier-arn
			DescribeLogStreams {"logGroupName":"g","logGroupIdentifier":"g"} => error-both-name-and-identifier`},
		{"TestLogsStreams::test_describe_log_streams_with_prefix", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"p-stream-0"}
			CreateLogStream {"logGroupName":"g","logStreamName":"p-stream-1"}
			CreateLogStream {"logGroupName":"g","logStreamName":"p-stream-2"}
			DescribeLogStreams {"logGroupName":"g","logStreamNamePrefix":"p"} => describe-streams-with-prefix`},
		{"TestLogsStreams::test_log_stream_arn_format", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogStream {"logGroupName":"g","logStreamName":"s"}
			DescribeLogStreams {"logGroupName":"g"} => describe-log-streams-with-arn`},
	}},
	"logs/test_logs_groups.snapshot.json": {replays: []replay{
		{"TestLogsGroups::test_create_log_group_with_kms_key", `
			CreateLogGroup {"logGroupName":"g","kmsKeyId":"arn:aws:kms:us-east-1:111111111111:key/k"}
			DescribeLogGroups {"logGroupNamePrefix":"g"} => describe-log-groups-with-kms`},
		{"TestLogsGroups::test_create_log_group_duplicate_error", `
			CreateLogGroup {"logGroupName":"g"}
			CreateLogGroup {"logGroupName":"g"} => error-duplicate-log-group`},
		{"TestLogsGroups::test_create_log_group_invalid_name_length", `
			CreateLogGroup {"logGroupName":"` + longName + `"} => error-invalid-name-length`},
		{"TestLogsGroups::test_describe_log_groups_with_prefix", `
			CreateLogGroup {"logGroupName":"p-group-0"}
			CreateLogGroup {"logGroupName":"p-group-1"}
			CreateLogGroup {"logGroupName":"p-group-2"}
			DescribeLogGroups {"logGroupNamePrefix":"p"} => describe-log-groups-prefix`},
		{"TestLogsGroups::test_describe_log_groups_with_pattern", `
			CreateLogGroup {"logGroupName":"test-pattern-abc"}
			DescribeLogGroups {"logGroupNamePattern":"abc"} => describe-log-groups-pattern`},
		{"TestLogsGroups::test_describe_log_groups_prefix_and_pattern_error", `
			CreateLogGroup {"logGroupName":"g"}
			DescribeLogGroups {"logGroupNamePattern":"g","logGroupNamePrefix":"g"} => error-prefix-and-pattern`},
		{"TestLogsGroups::test_list_log_groups_with_pattern", `
			CreateLogGroup {"logGroupName":"test-list-abc"}
			DescribeLogGroups {"logGroupNamePattern":"abc"} => list-log-groups-match`},
		{"TestLogsGroupsTags::test_create_log_group_with_tags", `
			CreateLogGroup {"logGroupName":"g","tags":{"env":"testing"}}
			ListTagsLogGroup {"logGroupName":"g"} => list-tags-after-create`},
		{"TestLogsGroupsTags::test_tag_log_group", `
			CreateLogGroup {"logGroupName":"g"}
			TagLogGroup {"logGroupName":"g","tags":{"tag_key_1":"tag_value_1"}}
			ListTagsLogGroup {"logGroupName":"g"} => list-tags-after-tag`},
		{"TestLogsGroupsTags::test_untag_log_group", `
			CreateLogGroup {"logGroupName":"g"}
			TagLogGroup {"logGroupName":"g","tags":{"tag_key_1":"tag_value_1","tag_key_2":"tag_value_2"}}
			UntagLogGroup {"logGroupName":"g","tags":["tag_key_1"]}
			ListTagsLogGroup {"logGroupName":"g"} => list-tags-after-untag`},
		{"TestLogsGroupsTags::test_tag_resource_api", `
			CreateLogGroup {"logGroupName":"g","tags":{"env":"testing1"}}
			ListTagsLogGroup {"logGroupName":"g"} => list-tags-after-create
			TagResource {"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g","tags":{"test1":"val1","test2":"val2"}}
			ListTagsLogGroup {"logGroupName":"g"} => list-tags-log-group-after-tag-resource
			ListTagsForResource {"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g"} => list-tags-for-resource-after-tag-resource
			TagLogGroup {"logGroupName":"g","tags":{"test3":"val3"}}
			ListTagsLogGroup {"logGroupName":"g"} => list-tags-log-group-after-tag-log-group
			ListTagsForResource {"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g"} => list-tags-for-resource-after-tag-log-group
			UntagLogGroup {"logGroupName":"g","tags":["test3"]}
			UntagResource {"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g","tagKeys":["env","test1"]}
			ListTagsLogGroup {"logGroupName":"g"} => list-tags-log-group-after-untag
			ListTagsForResource {"resourceArn":"arn:aws:logs:us-east-1:111111111111:log-group:g"} => list-tags-for-resource-after-untag`},
	}},
	"logs/test_logs_delivery.snapshot.json":             {leftOut: map[string]string{"": "deliveries are not simulated"}},
	"logs/test_logs_destinations.snapshot.json":         {leftOut: map[string]string{"": "destinations are not simulated"}},
	"logs/test_logs_export_tasks.snapshot.json":         {leftOut: map[string]string{"": "export tasks are not simulated"}},
	"logs/test_logs_metric_filters.snapshot.json":       {leftOut: map[string]string{"": "metric filters are not simulated"}},
	"logs/test_logs_queries.snapshot.json":              {leftOut: map[string]string{"": "Insights queries are not simulated"}},
	"logs/test_logs_resource_policies.snapshot.json":    {leftOut: map[string]string{"": "resource policies are not simulated"}},
	"logs/test_logs_subscription_filters.snapshot.json": {leftOut: map[string]string{"": "subscription filters are not simulated"}},
	"ssm/test_ssm.snapshot.json": {replays: []replay{
		{"TestSSM::test_parameters_with_path", `
			PutParameter {"Name":"/test/param-abc","Description":"test","Value":"123","Type":"String"} => put-parameter-response
			GetParameter {"Name":"/test/param-abc"} => get-parameter-response
			GetParameter {"Name":"$get-parameter-response.Parameter.ARN"} => get-parameter-by-arn-response
			GetParameters {"Names":["/test/param-abc"]} => get-parameters-response
			GetParameters {"Names":["$get-parameter-response.Parameter.ARN"]} => get-parameters-by-arn-response`},
		{"TestSSM::test_get_parameter_by_arn", `
			PutParameter {"Name":"param-abc","Value":"test","Type":"String"}
			GetParameter {"Name":"arn:aws:ssm:us-east-1:111111111111:parameter/param-abc"} => .Parameter`},
	}},
	"sts/test_sts.snapshot.json": {replays: []replay{
		{"TestSTSIntegrations::test_sts_invalid_parameters", `
			AssumeRole {"RoleArn":"nothing-valid-in-here","RoleSessionName":"Session1"} => malformed-arn
			AssumeRole {"RoleArn":"arn::b:::something/test-role","RoleSessionName":"Session1"} => no-partition
			AssumeRole {"RoleArn":"arn:a::::something/test-role","RoleSessionName":"Session1"} => no-service
			AssumeRole {"RoleArn":"arn:a:::something/test-role","RoleSessionName":"Session1"} => not-enough-colons
			AssumeRole {"RoleArn":"arn:a:a::aaaaaaaaaa:","RoleSessionName":"Session1"} => no-resource
			AssumeRole {"RoleArn":"arn:a:b:::something/test-role","RoleSessionName":"Session1:2"} => invalid-session-name`},
		{"TestSTSIntegrations::test_assume_role", `
			AssumeRole {"RoleArn":"arn:aws:iam::111111111111:role/test-role","RoleSessionName":"session"} => assume-role`},
		{"TestSTSAssumeRoleTagging::test_assume_role_tag_validation", `
			AssumeRole {"RoleArn":"arn:aws:iam::111111111111:role/r","RoleSessionName":"S","Tags":[{"Key":"SessionTag1","Value":"v"}],"TransitiveTagKeys":["InvalidKey"]} => invalid-transitive-tag-keys
			AssumeRole {"RoleArn":"arn:aws:iam::111111111111:role/r","RoleSessionName":"S","Tags":[{"Key":"SessionTag1","Value":"v"}],"TransitiveTagKeys":["sessiontag1"]}
			AssumeRole {"RoleArn":"arn:aws:iam::111111111111:role/r","RoleSessionName":"S","Tags":[{"Key":"SessionTag1","Value":"v"},{"Key":"sessiontag1","Value":"w"}],"TransitiveTagKeys":["sessiontag1"]} => duplicate-tag-keys-different-casing`},
	}, leftOut: map[string]string{
		"TestSTSIntegrations::test_get_federation_token":                            "federation tokens are not simulated",
		"TestSTSAssumeRoleTagging::test_iam_role_chaining_override_transitive_tags": "sessions do not remember their tags: every caller is the same user",
	}},
	"secretsmanager/test_secretsmanager.snapshot.json": {replays: secretReplays, leftOut: map[string]string{
		"TestSecretsManager::test_resource_policy":                                 "resource policies are not simulated",
		"TestSecretsManager::test_rotate_secret":                                   "rotation is not simulated",
		"TestSecretsManager::test_first_rotate_secret_with_missing_lambda_arn":     "rotation is not simulated",
		"TestSecretsManager::test_no_client_request_token[RotateSecret]":           "rotation is not simulated",
		"TestSecretsManager::test_change_secret_value_after_creation[\\x00":        "the recorded parameter is binary, its name is not",
		"TestSecretsManagerMultiAccounts::test_cross_account_access":               "one account is simulated",
		"TestSecretsManagerMultiAccounts::test_cross_account_access_non_default_k": "one account is simulated",
	}},
}
