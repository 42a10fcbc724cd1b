package wire_test

import "strings"

var longName = strings.Repeat("a", 513)

var secretReplays = []replay{
	{"TestSecretsManager::test_create_and_update_secret", `
		CreateSecret {"Name":"$parameter","SecretString":"my_secret","Description":"Testing secret creation."} => create_secret_rs_1
		GetSecretValue {"SecretId":"$parameter"} => get_secret_value_rs_1
		DescribeSecret {"SecretId":"$parameter"} => describe_secret_rs_1
		GetSecretValue {"SecretId":"$create_secret_rs_1.ARN"} => get_secret_value_rs_2
		GetSecretValue {"SecretId":"$create_secret_rs_1.ARN-7"} => get_secret_value_rs_3
		PutSecretValue {"SecretId":"$parameter","SecretString":"new_secret"} => put_secret_value_rs_1
		GetSecretValue {"SecretId":"$parameter"} => get_secret_value_rs_4
		UpdateSecret {"SecretId":"$create_secret_rs_1.ARN","SecretString":"test123","Description":"d1"} => update_secret_res_1
		DeleteSecret {"SecretId":"$parameter","ForceDeleteWithoutRecovery":true} => delete_secret_res_1`},
	{"TestSecretsManager::test_create_and_update_secret[Invalid/_+=.@-Name-a1b2c3-False]", `
		CreateSecret {"Name":"Invalid/_+=.@-Name-a1b2c3","SecretString":"my_secret","Description":"Testing secret creation."} => create_secret_rs_1
		GetSecretValue {"SecretId":"Invalid/_+=.@-Name-a1b2c3"} => get_secret_value_rs_1
		DescribeSecret {"SecretId":"Invalid/_+=.@-Name-a1b2c3"} => describe_secret_rs_1
		GetSecretValue {"SecretId":"$create_secret_rs_1.ARN"} => get_secret_value_rs_2
		GetSecretValue {"SecretId":"$create_secret_rs_1.ARN-7"} => resource_not_found_dict_1
		PutSecretValue {"SecretId":"Invalid/_+=.@-Name-a1b2c3","SecretString":"new_secret"} => put_secret_value_rs_1
		GetSecretValue {"SecretId":"Invalid/_+=.@-Name-a1b2c3"} => get_secret_value_rs_4
		UpdateSecret {"SecretId":"$create_secret_rs_1.ARN","SecretString":"test123","Description":"d1"} => update_secret_res_1
		DeleteSecret {"SecretId":"Invalid/_+=.@-Name-a1b2c3","ForceDeleteWithoutRecovery":true} => delete_secret_res_1`},
	{"TestSecretsManager::test_secret_restore", `
		CreateSecret {"Name":"s","SecretString":"my_secret","Description":"test description"}
		DeleteSecret {"SecretId":"s"} => delete_secret_res
		RestoreSecret {"SecretId":"s"} => restore_secret_res`},
	{"TestSecretsManager::test_secret_not_found", `
		GetSecretValue {"SecretId":"s"} => get_secret_value_not_found_ex
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_not_found_ex`},
	{"TestSecretsManager::test_secret_version_not_found", `
		CreateSecret {"Name":"s"}
		GetSecretValue {"SecretId":"s"} => get_secret_value_no_version_ex
		GetSecretValue {"SecretId":"s","VersionId":"$uuid"} => get_secret_value_version_not_found_ex
		GetSecretValue {"SecretId":"s","VersionStage":"AWSPENDING"} => get_secret_value_stage_not_found_ex`},
	{"TestSecretsManager::test_call_lists_secrets_multiple_times", `
		CreateSecret {"Name":"s","SecretString":"my_secret","Description":"testing creation of secrets"} => create_secret_rs_1
		ListSecrets {} => list_secrets_res_0
		ListSecrets {} => list_secrets_res_1
		ListSecrets {} => list_secrets_res_2
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_1`},
	{"TestSecretsManager::test_call_lists_secrets_multiple_times_snapshots", `
		CreateSecret {"Name":"s","SecretString":"my_secret","Description":"testing creation of secrets"} => create_secret_rs_1
		ListSecrets {} => list_secrets_res_0
		ListSecrets {} => list_secrets_res_1
		ListSecrets {} => list_secrets_res_2
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_1`},
	{"TestSecretsManager::test_create_multi_secrets", threeSecrets},
	{"TestSecretsManager::test_create_multi_secrets_snapshot", threeSecrets},
	{"TestSecretsManager::test_put_secret_value_with_version_stages", `
		CreateSecret {"Name":"s","SecretString":"secret_string_v0"} => create_secret_rs_0
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_0
		PutSecretValue {"SecretId":"s","SecretString":"secret_string_v1","VersionStages":["SAMPLESTAGE1","SAMPLESTAGE0"]} => put_secret_value_res_1
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_1
		PutSecretValue {"SecretId":"s","SecretString":"secret_string_v2","VersionStages":["SAMPLESTAGE1","SAMPLESTAGE0"]} => put_secret_value_res_2
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_2
		PutSecretValue {"SecretId":"s","SecretString":"secret_string_v3","VersionStages":["AWSPENDING"]} => put_secret_value_res_3
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_3
		PutSecretValue {"SecretId":"s","SecretString":"secret_string_v4"} => put_secret_value_res_4
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_4
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_1`},
	{"TestSecretsManager::test_invalid_secret_name", `
		CreateSecret {"Name":"$parameter","SecretString":"MySecretString"} => ex_log_1
		DeleteSecret {"SecretId":"$parameter","ForceDeleteWithoutRecovery":true} => ex_log_2
		DescribeSecret {"SecretId":"$parameter"} => ex_log_3
		GetSecretValue {"SecretId":"$parameter"} => ex_log_4
		ListSecretVersionIds {"SecretId":"$parameter","IncludeDeprecated":true} => ex_log_5
		PutSecretValue {"SecretId":"$parameter","SecretString":"MySecretString"} => ex_log_6
		TagResource {"SecretId":"$parameter","Tags":[{"Key":"FirstTag","Value":"SomeValue"}]} => ex_log_7
		UntagResource {"SecretId":"$parameter","TagKeys":["FirstTag"]} => ex_log_8
		UpdateSecret {"SecretId":"$parameter","Description":"MyNewDescription"} => ex_log_9`},
	{"TestSecretsManager::test_update_secret_description", `
		CreateSecret {"Name":"s","SecretString":"MySecretString"} => create_secret_rs_0
		DescribeSecret {"SecretId":"s"} => describe_secret_res_0
		UpdateSecret {"SecretId":"s","Description":"MyDescription"} => update_secret_res_0
		DescribeSecret {"SecretId":"s"} => describe_secret_res_1
		UpdateSecret {"SecretId":"s","SecretString":"MyNewSecretString","Description":"MyNewDescription"} => update_secret_res_1
		DescribeSecret {"SecretId":"s"} => describe_secret_res_2
		UpdateSecret {"SecretId":"s","SecretString":"twice"} => update_secret_res_2
		DescribeSecret {"SecretId":"s"} => describe_secret_res_3
		UpdateSecret {"SecretId":"s"} => update_secret_res_3
		DescribeSecret {"SecretId":"s"} => describe_secret_res_4
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_update_secret_version_stages_return_type", `
		CreateSecret {"Name":"s","SecretString":"Something1"} => create_secret_rs_0
		PutSecretValue {"SecretId":"s","SecretString":"Something2","VersionStages":["AWSPENDING"]} => put_secret_value_res_0
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$create_secret_rs_0.VersionId","MoveToVersionId":"$put_secret_value_res_0.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_0
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_update_secret_version_stages_current_previous", `
		CreateSecret {"Name":"s","SecretString":"secret_string_v0"} => create_secret_rs_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_0
		UpdateSecret {"SecretId":"s","SecretString":"secret_string_v1"} => update_secret_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_1
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_update_secret_version_stages_current_pending", `
		CreateSecret {"Name":"s","SecretString":"Something1"} => create_secret_rs_0
		PutSecretValue {"SecretId":"s","SecretString":"Something2","VersionStages":["AWSPENDING"]} => put_secret_value_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_0
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$create_secret_rs_0.VersionId","MoveToVersionId":"$put_secret_value_res_0.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_1
		PutSecretValue {"SecretId":"s","SecretString":"SS3"} => put_secret_value_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_2
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_update_secret_version_stages_current_pending_cycle", `
		CreateSecret {"Name":"s","SecretString":"S1"} => create_secret_rs_0
		PutSecretValue {"SecretId":"s","SecretString":"S2","VersionStages":["AWSPENDING"]} => put_secret_value_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_0
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_0
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$create_secret_rs_0.VersionId","MoveToVersionId":"$put_secret_value_res_0.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_1
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_1
		PutSecretValue {"SecretId":"s","SecretString":"S3","VersionStages":["AWSPENDING"]} => put_secret_value_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_2
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_2
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$put_secret_value_res_0.VersionId","MoveToVersionId":"$put_secret_value_res_1.VersionId","VersionStage":"AWSCURRENT"} => put_secret_value_res_2
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_3
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_3
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_update_secret_version_stages_current_pending_cycle_custom_stages_1", `
		CreateSecret {"Name":"s","SecretString":"S1"} => create_secret_rs_0
		PutSecretValue {"SecretId":"s","SecretString":"S2","VersionStages":["AWSSOMETHING","AWSPENDING","PUT1"]} => put_secret_value_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_0
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_0
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$create_secret_rs_0.VersionId","MoveToVersionId":"$put_secret_value_res_0.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_1
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_1
		PutSecretValue {"SecretId":"s","SecretString":"S3","VersionStages":["AWSPENDING","PUT2"]} => put_secret_value_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_2
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_2
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$put_secret_value_res_0.VersionId","MoveToVersionId":"$put_secret_value_res_1.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_3
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_3
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_update_secret_version_stages_current_pending_cycle_custom_stages_2", `
		CreateSecret {"Name":"s","SecretString":"SS"} => create_secret_rs_0
		PutSecretValue {"SecretId":"s","SecretString":"S1","VersionStages":["AWSCURRENT","PUT0"]} => put_secret_value_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_0
		PutSecretValue {"SecretId":"s","SecretString":"S2","VersionStages":["AWSPENDING","PUT1"]} => put_secret_value_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_1
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_0
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$put_secret_value_res_0.VersionId","MoveToVersionId":"$put_secret_value_res_1.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_2
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_1
		PutSecretValue {"SecretId":"s","SecretString":"S3","VersionStages":["AWSPENDING","PUT2"]} => put_secret_value_res_2
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_3
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_2
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$put_secret_value_res_1.VersionId","MoveToVersionId":"$put_secret_value_res_2.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_4
		GetSecretValue {"SecretId":"s"} => get_secret_value_res_3
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_update_secret_version_stages_current_pending_cycle_custom_stages_3", `
		CreateSecret {"Name":"s","SecretString":"SS"} => create_secret_rs
		PutSecretValue {"SecretId":"s","SecretString":"S1","VersionStages":["PENDING"]} => put_secret_value_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_rs
		GetSecretValue {"SecretId":"s","VersionId":"$create_secret_rs.VersionId"} => get_secret_value_v1_rs
		GetSecretValue {"SecretId":"s","VersionId":"$put_secret_value_res_0.VersionId"} => get_secret_value_v2_rs
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$create_secret_rs.VersionId","MoveToVersionId":"$put_secret_value_res_0.VersionId","VersionStage":"AWSCURRENT"} => update_secret_version_stage_res_1
		GetSecretValue {"SecretId":"s","VersionId":"$create_secret_rs.VersionId"} => get_secret_value_v1_rs_1
		GetSecretValue {"SecretId":"s","VersionId":"$put_secret_value_res_0.VersionId"} => get_secret_value_v2_rs_1
		UpdateSecretVersionStage {"SecretId":"s","RemoveFromVersionId":"$put_secret_value_res_0.VersionId","VersionStage":"PENDING"} => update_secret_version_stage_res_2
		GetSecretValue {"SecretId":"s","VersionId":"$create_secret_rs.VersionId"} => get_secret_value_v1_rs_2
		GetSecretValue {"SecretId":"s","VersionId":"$put_secret_value_res_0.VersionId"} => get_secret_value_v2_rs_2
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_deprecated_secret_version_stage", `
		CreateSecret {"Name":"s","SecretString":"original","Description":"My secret"} => create_secret
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids
		PutSecretValue {"SecretId":"s","SecretString":"update1"} => put_secret_value_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_1
		PutSecretValue {"SecretId":"s","SecretString":"update2"} => put_secret_value_2
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_2
		ListSecretVersionIds {"SecretId":"s","IncludeDeprecated":true} => list_secret_version_ids_3
		PutSecretValue {"SecretId":"s","SecretString":"update3"} => put_secret_value_3
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_4
		ListSecretVersionIds {"SecretId":"s","IncludeDeprecated":true} => list_secret_version_ids_5`},
	{"TestSecretsManager::test_non_versioning_version_stages_replacement", `
		CreateSecret {"Name":"s","SecretString":"S0"} => create_secret_rs_0
		PutSecretValue {"SecretId":"s","SecretString":"S1","VersionStages":["one","two","three"]} => put_secret_value_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_0
		PutSecretValue {"SecretId":"s","SecretString":"S2","VersionStages":["one","two","three","four"]} => put_secret_value_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_1
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_non_versioning_version_stages_no_replacement", `
		CreateSecret {"Name":"s","SecretString":"S0"} => create_secret_rs_0
		PutSecretValue {"SecretId":"s","SecretString":"S1","VersionStages":["one","two","three"]} => put_secret_value_res_0
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_0
		PutSecretValue {"SecretId":"s","SecretString":"S2","VersionStages":["one","two","four"]} => put_secret_value_res_1
		ListSecretVersionIds {"SecretId":"s"} => list_secret_version_ids_res_1
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res_0`},
	{"TestSecretsManager::test_exp_raised_on_creation_of_secret_scheduled_for_deletion", `
		CreateSecret {"Name":"s","SecretString":"secretstr"}
		DeleteSecret {"SecretId":"s","RecoveryWindowInDays":7} => delete_res
		CreateSecret {"Name":"s","SecretString":"secretstr"} => invalid_req_ex`},
	{"TestSecretsManager::test_can_recreate_delete_secret", `
		CreateSecret {"Name":"s","SecretString":"secretstr"} => create_secret_res_0
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_res_1
		CreateSecret {"Name":"s","SecretString":"secretstr"} => create_secret_res_1`},
	{"TestSecretsManager::test_secret_exists_snapshots", `
		CreateSecret {"Name":"s","SecretString":"my_secret"}
		CreateSecret {"Name":"s","SecretString":"my_secret"} => ex_log
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => delete_secret_res`},
	{"TestSecretsManager::test_no_client_request_token[CreateSecret]", `
		raw CreateSecret {"Name":"s","SecretString":"thisisthesecret","Description":"My secret string"} => no-client-request-exc`},
	{"TestSecretsManager::test_no_client_request_token[UpdateSecret]", `
		raw UpdateSecret {"SecretId":"s","SecretString":"thisisthesecret","Description":"My secret string"} => no-client-request-exc`},
	{"TestSecretsManager::test_no_client_request_token[PutSecretValue]", `
		raw PutSecretValue {"SecretId":"s","SecretString":"thisisthesecret","Description":"My secret string"} => no-client-request-exc`},
	{"TestSecretsManager::test_create_secret_version_from_empty_secret", `
		CreateSecret {"Name":"test-version-abc","Description":""} => create-empty-secret
		DescribeSecret {"SecretId":"$create-empty-secret.ARN"} => describe-secret
		PutSecretValue {"SecretId":"$create-empty-secret.ARN","SecretString":"example-string-to-protect"} => put-secret-value`},
	{"TestSecretsManager::test_secret_tags", `
		CreateSecret {"Name":"s"} => create_secret
		DescribeSecret {"SecretId":"$create_secret.ARN"} => describe_secret
		TagResource {"SecretId":"$create_secret.ARN","Tags":[{"Key":"tag1","Value":"value1"}]} => tag_resource_1
		DescribeSecret {"SecretId":"$create_secret.ARN"} => describe_secret_1
		TagResource {"SecretId":"$create_secret.ARN","Tags":[{"Key":"tag2","Value":"value2"}]} => tag_resource_2
		DescribeSecret {"SecretId":"$create_secret.ARN"} => describe_secret_2
		UntagResource {"SecretId":"$create_secret.ARN","TagKeys":["tag1"]} => untag_resource_1
		DescribeSecret {"SecretId":"$create_secret.ARN"} => describe_secret_3
		UntagResource {"SecretId":"$create_secret.ARN","TagKeys":["tag2"]} => untag_resource_2
		DescribeSecret {"SecretId":"$create_secret.ARN"} => describe_secret_4
		TagResource {"SecretId":"$create_secret.ARN","Tags":[{"Key":"tag3","Value":"value3"},{"Key":"tag4","Value":"value4"}]}
		DescribeSecret {"SecretId":"$create_secret.ARN"} => describe_secret_5
		UntagResource {"SecretId":"$create_secret.ARN","TagKeys":["tag3","tag4"]}
		DescribeSecret {"SecretId":"$create_secret.ARN"} => describe_secret_6`},
	{"TestSecretsManager::test_tag_untag_resource_on_deleted_secret", `
		CreateSecret {"Name":"s","SecretString":"test-secret-value","Tags":[{"Key":"initial-tag","Value":"initial-value"}]} => create_secret
		DeleteSecret {"SecretId":"$create_secret.ARN"} => delete_secret
		TagResource {"SecretId":"$create_secret.ARN","Tags":[{"Key":"new-tag","Value":"new-value"}]} => tag_deleted_secret_error
		UntagResource {"SecretId":"$create_secret.ARN","TagKeys":["initial-tag"]} => untag_deleted_secret_error`},
	{"TestSecretsManager::test_get_secret_value_errors", `
		CreateSecret {"Name":"s","SecretString":"test"} as made
		GetSecretValue {"SecretId":"$made.ARN","VersionStage":"AWSPREVIOUS"} => error_get_secret_value_non_existing
		GetSecretValue {"SecretId":"s","VersionId":"$made.VersionId","VersionStage":"AWSPREVIOUS"} => mismatch_version_id_and_stage`},
	{"TestSecretsManager::test_get_secret_value", `
		CreateSecret {"Name":"s","SecretBinary":"Zm9vdGVzdA=="}
		GetSecretValue {"SecretId":"s"} => secret_value_response
		GetSecretValue {"SecretId":"s"} => secret_value_http_response`},
	{"TestSecretsManager::test_force_delete_deleted_secret", `
		CreateSecret {"Name":"s","SecretString":"secretstr"} => create_secret_response
		DeleteSecret {"SecretId":"s","RecoveryWindowInDays":7} => delete_secret_response
		DescribeSecret {"SecretId":"s"} => describe_secret_response
		DeleteSecret {"SecretId":"s","ForceDeleteWithoutRecovery":true} => force_delete_secret_response`},
	{"TestSecretsManager::test_change_secret_value_after_creation[footest-updated1]", `
		CreateSecret {"Name":"s","SecretBinary":"aW5pdGlhbA=="}
		GetSecretValue {"SecretId":"s"} => put_secret_value_secret_response
		PutSecretValue {"SecretId":"s","SecretBinary":"Zm9vdGVzdA=="}
		GetSecretValue {"SecretId":"s"} => put_secret_binary_response_updated
		UpdateSecret {"SecretId":"s","SecretBinary":"dXBkYXRlZDE="}
		GetSecretValue {"SecretId":"s"} => update_secret_binary_response_updated`},
	{"TestSecretsManager::test_change_secret_value_after_creation[tops3cret-updated2]", `
		CreateSecret {"Name":"s","SecretBinary":"aW5pdGlhbA=="}
		GetSecretValue {"SecretId":"s"} => put_secret_value_secret_response
		PutSecretValue {"SecretId":"s","SecretBinary":"dG9wczNjcmV0"}
		GetSecretValue {"SecretId":"s"} => put_secret_binary_response_updated
		UpdateSecret {"SecretId":"s","SecretBinary":"dXBkYXRlZDI="}
		GetSecretValue {"SecretId":"s"} => update_secret_binary_response_updated`},
}

const threeSecrets = `
	CreateSecret {"Name":"s0","SecretString":"x","Description":"Testing secrets creation."}
	CreateSecret {"Name":"s1","SecretString":"x","Description":"Testing secrets creation."}
	CreateSecret {"Name":"s2","SecretString":"x","Description":"Testing secrets creation."}
	ListSecrets {} => list_secrets_res
	DeleteSecret {"SecretId":"s0","ForceDeleteWithoutRecovery":true} => delete_secret_res0
	DeleteSecret {"SecretId":"s1","ForceDeleteWithoutRecovery":true} => delete_secret_res1
	DeleteSecret {"SecretId":"s2","ForceDeleteWithoutRecovery":true} => delete_secret_res2`
