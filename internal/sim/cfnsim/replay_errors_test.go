package cfnsim

import (
	"errors"
	"net/http"
	"sort"
	"strings"
	"testing"
	"testing/synctest"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
)

const topic = `{"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}`

// with is a template of one topic whose only property is given.
func with(property string, sections ...string) string {
	return `{` + strings.Join(append(sections, ``), ",") + `"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":` + property + `}}}}`
}

// refused are recorded errors: the recording, its key, and a request that asks
// for the same.
func (s *sim) refused() map[string]func() error {
	create := func(body string) func() error {
		return func() error {
			_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: ptr("new"), TemplateBody: &body})
			return err
		}
	}
	changeSet := func(body string, params ...string) func() error {
		return func() error {
			_, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: ptr("new"), ChangeSetName: ptr("cs"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: &body, Parameters: pairs(params)})
			return err
		}
	}
	fromURL := func(url string) func() error {
		return func() error {
			_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: ptr("new"), TemplateURL: &url})
			return err
		}
	}
	update := func(in cloudformation.UpdateStackInput) func() error {
		return func() error {
			in.StackName = ptr("there")
			_, err := s.UpdateStack(s.ctx, &in)
			return err
		}
	}
	policy := func(in cloudformation.SetStackPolicyInput) func() error {
		return func() error {
			in.StackName = ptr("there")
			_, err := s.SetStackPolicy(s.ctx, &in)
			return err
		}
	}
	getTemplate := func(in cloudformation.GetTemplateInput) func() error {
		return func() error { _, err := s.GetTemplate(s.ctx, &in); return err }
	}
	deleted := func() string { return *s.stack(s.gone).StackId }
	return map[string]func() error{
		"test_changesets::test_delete_change_set_exception|e1": func() error {
			_, err := s.DeleteChangeSet(s.ctx, &cloudformation.DeleteChangeSetInput{StackName: ptr("nostack"), ChangeSetName: ptr("x")})
			return err
		},
		"test_changesets::test_delete_change_set_exception|e2": func() error {
			_, err := s.DeleteChangeSet(s.ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: ptr("x")})
			return err
		},
		"test_changesets::test_name_conflicts|create_changeset_existingstack_exc": func() error {
			_, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: ptr("there"), ChangeSetName: ptr("cs"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: ptr(topic)})
			return err
		},
		"test_changesets::test_create_changeset_with_stack_id|recreate_deleted_with_id_exception": func() error {
			_, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: ptr(deleted()), ChangeSetName: ptr("revived-stack-changeset"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: ptr(topic)})
			return err
		},
		"test_changesets::test_create_changeset_for_deleted_stack|ErrorForCreate": func() error {
			_, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: ptr(deleted()), ChangeSetName: ptr("test"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: ptr(topic)})
			return err
		},
		"test_changesets::test_create_changeset_for_deleted_stack|ErrorForUpdate": func() error {
			_, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: ptr(deleted()), ChangeSetName: ptr("test"), TemplateBody: ptr(topic)})
			return err
		},
		"test_changesets::test_changeset_for_deleted_stack|ErrorForComplete": func() error {
			_, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: ptr(deleted()), ChangeSetName: ptr("test"), TemplateBody: ptr(topic)})
			return err
		},
		"test_changesets::test_describe_changeset_after_delete|describe-deleted-cs": func() error {
			_, err := s.DescribeChangeSet(s.ctx, &cloudformation.DescribeChangeSetInput{StackName: ptr("there"), ChangeSetName: ptr("gone")})
			return err
		},
		"test_changesets::test_using_pseudoparameters_in_places[resource]|error":  changeSet(`{"Resources":{"AWS::NoValue":{"Type":"AWS::SNS::Topic"}}}`),
		"test_changesets::test_using_pseudoparameters_in_places[parameter]|error": changeSet(`{"Parameters":{"AWS::NoValue":{"Type":"String"}},` + topic[1:]),
		"test_nested_stacks::test_deletion_of_failed_nested_stack|error": func() error {
			_, err := s.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: ptr("nested")})
			return err
		},
		"test_resources::test_describe_deleted_resource_on_update|error": func() error {
			_, err := s.DescribeStackResource(s.ctx, &cloudformation.DescribeStackResourceInput{StackName: ptr("there"), LogicalResourceId: ptr("Parameter")})
			return err
		},
		"test_resources::test_describe_failed_resource|error": func() error {
			_, err := s.DescribeStackResource(s.ctx, &cloudformation.DescribeStackResourceInput{StackName: ptr("there"), LogicalResourceId: ptr("Parameter")})
			return err
		},
		"test_stack_policies::TestStackPolicy::test_set_invalid_policy_with_url|error":    policy(cloudformation.SetStackPolicyInput{StackPolicyURL: ptr(s.put("policy", `{"Statement":[{"Effect":"Deny"}]}`))}),
		"test_stack_policies::TestStackPolicy::test_set_policy_both_policy_and_url|error": policy(cloudformation.SetStackPolicyInput{StackPolicyURL: ptr("https://x"), StackPolicyBody: ptr("{}")}),
		"test_stack_policies::TestStackPolicy::test_not_json_policy|error":                policy(cloudformation.SetStackPolicyInput{StackPolicyBody: ptr("Statement: []")}),
		"test_stack_policies::TestStackPolicy::test_different_action_attribute|error":     policy(cloudformation.SetStackPolicyInput{StackPolicyBody: ptr(`{"Statement":[{"Effect":"Deny","Action":"Delete:*","Principal":"*","Resource":"*"}]}`)}),
		"test_stack_policies::TestStackPolicy::test_invalid_policy|error":                 policy(cloudformation.SetStackPolicyInput{StackPolicyBody: ptr(`{"Statement":[{"Effect":"Deny","Action":"Update:*"}]}`)}),
		"test_stack_policies::TestStackPolicy::test_different_principal_attribute|error":  policy(cloudformation.SetStackPolicyInput{StackPolicyBody: ptr(`{"Statement":[{"Effect":"Deny","Action":"Update:*","Principal":"me","Resource":"*"}]}`)}),
		"test_stacks::TestStacksApi::test_stack_lifecycle|describe_deleted_by_name_exc": func() error {
			_, err := s.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: ptr("was")})
			return err
		},
		"test_stacks::test_linting_error_during_creation|error": create(`{"Resources":{"A":"x"}}`),
		"test_stacks::TestStacksApi::test_stack_name_creation|stack_response": func() error {
			_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: ptr("*@da591fa3_$"), TemplateBody: ptr(topic)})
			return err
		},
		"test_stacks::test_name_conflicts|create_stack_already_exists_exc": func() error {
			_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: ptr("there"), TemplateBody: ptr(topic)})
			return err
		},
		"test_stacks::test_name_conflicts|deleted_stack_not_found_exc": func() error {
			_, err := s.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: ptr("was")})
			return err
		},
		"test_stacks::test_name_conflicts|deleted_stack_events_not_found_by_name": func() error {
			_, err := s.DescribeStackEvents(s.ctx, &cloudformation.DescribeStackEventsInput{StackName: ptr("was")})
			return err
		},
		"test_stacks::test_describe_stack_events_errors|describe_stack_events_stack_not_found": func() error {
			_, err := s.DescribeStackEvents(s.ctx, &cloudformation.DescribeStackEventsInput{StackName: ptr("does-not-exist")})
			return err
		},
		"test_stacks::TestStacksApi::test_update_stack_with_same_template_withoutchange|no_change_exception": update(cloudformation.UpdateStackInput{TemplateBody: ptr(topic)}),
		"test_stacks::test_stack_resource_not_found|Error": func() error {
			_, err := s.DescribeStackResource(s.ctx, &cloudformation.DescribeStackResourceInput{StackName: ptr("there"), LogicalResourceId: ptr("NonExistentResource")})
			return err
		},
		"test_stacks::test_non_existing_stack_message|Error": func() error {
			_, err := s.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: ptr("no")})
			return err
		},
		"test_templates::test_create_stack_from_s3_template_url[s3_url]|create-error":       fromURL("s3://bucket/key"),
		"test_templates::test_create_stack_from_s3_template_url[http_invalid]|create-error": fromURL("https://example.com/key"),
		"test_templates::test_validate_invalid_json_template_should_fail|validate-invalid-json": func() error {
			_, err := s.ValidateTemplate(s.ctx, &cloudformation.ValidateTemplateInput{TemplateBody: ptr(`{"this is invalid JSON"="bobbins"}`)})
			return err
		},
		"test_templates::test_get_template_summary_non_executed_change_set|error": func() error {
			_, err := s.GetTemplateSummary(s.ctx, &cloudformation.GetTemplateSummaryInput{StackName: ptr("review")})
			return err
		},
		"test_templates::test_get_template_missing_resources|stack-error":                 getTemplate(cloudformation.GetTemplateInput{StackName: ptr("does-not-exist")}),
		"test_templates::test_get_template_missing_resources|change-set-error":            getTemplate(cloudformation.GetTemplateInput{ChangeSetName: ptr("does-not-exist")}),
		"test_templates::test_get_template_missing_resources_stack|stack-error":           getTemplate(cloudformation.GetTemplateInput{StackName: ptr("does-not-exist")}),
		"test_templates::test_get_template_missing_resources_change_set|change-set-error": getTemplate(cloudformation.GetTemplateInput{ChangeSetName: ptr("does-not-exist")}),
		"test_templates::test_get_template_missing_resources_change_set_id|change-set-error": getTemplate(cloudformation.GetTemplateInput{
			ChangeSetName: ptr("arn:aws:cloudformation:eu-central-1:111111111111:changeSet/x/y"), StackName: ptr("there")}),
		"test_templates::test_get_template_no_arguments|stack-error": getTemplate(cloudformation.GetTemplateInput{}),
		"test_templates::test_get_template_summary_no_resources|error": func() error {
			_, err := s.GetTemplateSummary(s.ctx, &cloudformation.GetTemplateSummaryInput{TemplateBody: ptr(`{"Resources":{}}`)})
			return err
		},
		"test_templates::test_create_stack_invalid_yaml_template_should_fail|create-invalid-yaml": create("Resources: {\n  A: [\n"),
		"test_update_stack::test_update_with_resource_types|invalid_type_error":                   update(cloudformation.UpdateStackInput{TemplateBody: ptr(topic), ResourceTypes: []string{"AWS::EC2:*"}}),
		"test_update_stack::test_update_with_resource_types|resource_not_allowed":                 update(cloudformation.UpdateStackInput{TemplateBody: ptr(topic), ResourceTypes: []string{"AWS::EC2::*"}}),
		"test_update_stack::test_no_template_error|error":                                         update(cloudformation.UpdateStackInput{}),
		"test_update_stack::test_update_with_invalid_rollback_configuration_errors|type_error": update(cloudformation.UpdateStackInput{TemplateBody: ptr(topic), RollbackConfiguration: &types.RollbackConfiguration{
			RollbackTriggers: []types.RollbackTrigger{{Type: ptr("Another"), Arn: ptr("arn:aws:sns:eu-central-1:1:t")}}}}),
		"test_update_stack::test_update_with_invalid_rollback_configuration_errors|arn_error": update(cloudformation.UpdateStackInput{TemplateBody: ptr(topic), RollbackConfiguration: &types.RollbackConfiguration{
			RollbackTriggers: []types.RollbackTrigger{{Type: ptr("AWS::CloudWatch::Alarm"), Arn: ptr("arn:aws:cloudwatch:eu-central-1:1:example")}}}}),
		"test_update_stack::test_diff_after_update|update-error": update(cloudformation.UpdateStackInput{TemplateBody: ptr(topic)}),
		"test_update_stack::test_update_deleted_stack|Error": func() error {
			_, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: ptr(deleted()), TemplateBody: ptr(topic)})
			return err
		},
		"test_validations::test_invalid_output_structure[none-value]|validation-error":     create(`{"Outputs":{"MyOutput":{"Value":null}},` + topic[1:]),
		"test_validations::test_invalid_output_structure[multiple-nones]|validation-error": create(`{"Outputs":{"A":null,"B":null},` + topic[1:]),
		"test_validations::test_missing_resources_block|validation-error":                  create(`{"Outputs":{}}`),
		"test_validations::test_resources_blocks[missing-type]|validation-error":           create(`{"Resources":{"A":{}}}`),
		"test_validations::test_resources_blocks[invalid-key]|validation-error":            create(`{"Resources":{"A":{"Type":"AWS::SNS::Topic","Invalid":1}}}`),
		"test_conditions::TestCloudFormationConditions::test_dependent_ref|dependent_ref_exc": create(
			`{"Conditions":{"No":{"Fn::Equals":["a","b"]}},"Resources":{"MyTopic":{"Type":"AWS::SNS::Topic","Condition":"No"},"P":{"Type":"AWS::SSM::Parameter","Properties":{"Value":{"Ref":"MyTopic"}}}}}`),
		"test_conditions::TestCloudFormationConditions::test_dependent_get_att|dependent_ref_exc": create(
			`{"Conditions":{"No":{"Fn::Equals":["a","b"]}},"Resources":{"MyTopic":{"Type":"AWS::SNS::Topic","Condition":"No"},"P":{"Type":"AWS::SSM::Parameter","Properties":{"Value":{"Fn::GetAtt":["MyTopic","TopicName"]}}}}}`),
		"test_conditions::TestCloudFormationConditions::test_output_reference_to_skipped_resource|unresolved_resource_reference_exception": create(
			`{"Conditions":{"No":{"Fn::Equals":["a","b"]}},"Resources":{"MyTopic":{"Type":"AWS::SNS::Topic","Condition":"No"},"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"O":{"Value":{"Ref":"MyTopic"}}}}`),
		"test_conditions::TestValidateConditions::test_validate_equals_args_len|error": create(`{"Conditions":{"C":{"Fn::Equals":["a"]}},` + topic[1:]),
		"test_mappings::TestCloudFormationMappings::test_mapping_with_nonexisting_key|mapping_nonexisting_key_exc": changeSet(
			with(`{"Fn::FindInMap":["TopicSuffixMap",{"Ref":"K"},"Suffix"]}`, `"Parameters":{"K":{"Type":"String"}}`, `"Mappings":{"TopicSuffixMap":{"A":{"Suffix":"a"}}}`), "K", "C"),
		"test_mappings::TestCloudFormationMappings::test_mapping_with_invalid_refs|mapping_invalid_ref_exc":       changeSet(with(`"x"`, `"Mappings":{"M":{"A":{"S":{"Ref":"T"}}}}`)),
		"test_mappings::TestCloudFormationMappings::test_mapping_maximum_nesting_depth|mapping_maximum_level_exc": changeSet(with(`"x"`, `"Mappings":{"M":{"A":{"S":{"x":"y"}}}}`)),
		"test_mappings::TestCloudFormationMappings::test_mapping_minimum_nesting_depth|mapping_minimum_level_exc": changeSet(with(`"x"`, `"Mappings":{"A":{"B":"c"}}`)),
		"test_references::TestDependsOn::test_depends_on_with_missing_reference|depends_on_nonexisting_exception": create(`{"Resources":{"T":{"Type":"AWS::SNS::Topic","DependsOn":"NonExistingResource"}}}`),
		"test_references::test_useful_error_when_invalid_ref|validation_error":                                    create(with(`{"Ref":"InvalidRef"}`)),
		"test_change_set_conditions::TestChangeSetConditions::test_missing_condition|error":                       changeSet(with(`{"Fn::If":["MissingCondition","a","b"]}`)),

		"test_change_set_fn_get_attr::TestChangeSetFnGetAttr::test_invalid_structure[getatt_validation.yml]|error":   changeSet(with(`{"Fn::GetAtt":["T"]}`)),
		"test_change_set_fn_get_attr::TestChangeSetFnGetAttr::test_invalid_structure[getatt_validation2.yml]|error":  changeSet(with(`{"Fn::GetAtt":"T"}`)),
		"test_change_set_fn_select::TestChangeSetFnSelect::test_invalid_select_index_type[non-integer-index]|error":  changeSet(with(`{"Fn::Select":["x",["a"]]}`)),
		"test_change_set_fn_select::TestChangeSetFnSelect::test_invalid_select_index_type[non-list-list]|error":      changeSet(with(`{"Fn::Select":[0,"a"]}`)),
		"test_change_set_fn_select::TestChangeSetFnSelect::test_invalid_select_index_type[index-out-of-range]|error": changeSet(with(`{"Fn::Select":[5,["a"]]}`)),
		"test_change_set_fn_split::TestSplitValidations::test_validate_split_arguments_len|validation":               changeSet(with(`{"Fn::Split":["a"]}`)),
		"test_change_set_parameters::TestChangeSetParameters::test_invalid_parameter_type|error":                     changeSet(with(`{"Ref":"Value"}`, `"Parameters":{"Value":{"Type":"Number"}}`), "Value", "abc"),
		"test_template_engine::TestMacros::test_capabilities_requirements|error":                                     create(`{"Transform":"Macro",` + topic[1:]),
		"test_template_engine::TestMacros::test_to_validate_template_limit_for_macro|error_response":                 create(strings.Repeat(" ", 51201)),
		"test_template_engine::TestMacros::test_error_pass_macro_as_reference|error":                                 create(`{"Transform":{"Name":{"Ref":"M"}},` + topic[1:]),
		"test_template_engine::test_no_type|error":                                                                   create(`{"Resources":{"` + noType + `":{"Properties":{}}}}`),
		"test_template_engine::TestSsmParameters::test_resolve_ssm_missing_parameter|error-response":                 nil,
	}
}

const noType = "MyParameter"

// errorsLeftOut are recorded errors that are not asked for again.
var errorsLeftOut = map[string]string{
	"test_template_engine::TestSsmParameters::test_resolve_ssm_missing_parameter|error-response":         "AWS found it while creating, the recording only keeps the waiter's text",
	"test_template_engine::test_no_type|error":                                                           "the template is not known",
	"test_update_stack::test_update_with_role_without_permissions|error":                                 "roles are not checked: no IAM is simulated",
	"test_validations::test_invalid_output_structure[missing-def]|validation-error":                      "the template is not known well enough: the text is that of a null value",
	"test_changesets::test_changeset_for_deleted_stack|ErrorForInProgress":                               "asked in TestDeleteInProgress",
	"test_changesets::TestUpdates::test_deleting_resource|get-parameter-error":                           "an answer of SSM",
	"test_lambda::test_cfn_function_url|exception_url_config_nonexistent_version":                        "an answer of Lambda",
	"test_s3::test_bucketpolicy|no-policy":                                                               "an answer of S3",
	"test_s3::test_cfn_handle_s3_notification_configuration|get_bucket_notification_configuration_error": "an answer of S3",
	"test_secretsmanager::test_cfn_handle_secretsmanager_secret|exception":                               "an answer of Secrets Manager",
	"test_ssm::test_parameter_defaults|ssm_parameter_not_found":                                          "an answer of SSM",
}

func TestReplayErrors(t *testing.T) {
	all := recordings(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, nil)
		s.create("there", topic)
		s.create("was", topic)
		s.gone = *s.stack("was").StackId
		_, err := s.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: ptr("was")})
		assert.NoError(t, err)
		s.rest(s.gone)
		_, err = s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: ptr("review"), ChangeSetName: ptr("cs"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: ptr(topic)})
		assert.NoError(t, err)
		asked, replayed, skipped := s.refused(), 0, 0
		for _, key := range errorKeys(all) {
			name, member, _ := strings.Cut(key, "|")
			want, _ := all[name][member].(map[string]any)
			why := errorsLeftOut[key]
			if asked[key] == nil && why == "" {
				why = "not asked for"
			}
			if why != "" {
				skipped++
				t.Logf("left out: %s: %s", key, why)
				continue
			}
			replayed++
			c := &comparison{bound: map[string]string{}}
			c.value(key, want, errorAnswer(asked[key](), want))
			assert.Empty(t, c.diffs)
		}
		t.Logf("replayed %d recorded errors, left out %d", replayed, skipped)
		assert.GreaterOrEqual(t, replayed, 60)
	})
}

// errorKeys are all recorded errors, as "recording|key".
func errorKeys(all map[string]map[string]any) []string {
	var keys []string
	for name, rec := range all {
		for k, v := range rec {
			m, _ := v.(map[string]any)
			_, whole := m["Error"].(map[string]any)
			_, bare := m["Code"].(string)
			if whole || bare {
				keys = append(keys, name+"|"+k)
			}
		}
	}
	sort.Strings(keys)
	return keys
}

// errorAnswer is an error in the recordings' shape.
func errorAnswer(err error, want map[string]any) any {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return map[string]any{"Error": err}
	}
	out := map[string]any{"Code": e.ErrorCode(), "Message": e.ErrorMessage(), "Type": "Sender"}
	if e.ErrorFault() == smithy.FaultServer {
		out["Type"] = "Receiver"
	}
	if _, bare := want["Code"]; bare {
		return out
	}
	status := 0
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	}
	if m, _ := want["ResponseMetadata"].(map[string]any); m != nil && int(m["HTTPStatusCode"].(float64)) != status {
		out["Status"] = http.StatusText(status)
	}
	return map[string]any{"Error": out, "ResponseMetadata": nil}
}
