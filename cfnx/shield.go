package cfnx

import (
	"fmt"
	"strings"
)

// protection is the property of a type that makes its deletion fail, and the
// command that sets it, which can be taken back. %s is the physical id.
type protection struct{ property, command string }

// protections are by type.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
// https://docs.aws.amazon.com/cli/latest/reference/
var protections = map[string]protection{
	"AWS::DynamoDB::Table":                      {"DeletionProtectionEnabled", "aws dynamodb update-table --table-name %s --deletion-protection-enabled"},
	"AWS::RDS::DBInstance":                      {"DeletionProtection", "aws rds modify-db-instance --db-instance-identifier %s --deletion-protection --apply-immediately"},
	"AWS::RDS::DBCluster":                       {"DeletionProtection", "aws rds modify-db-cluster --db-cluster-identifier %s --deletion-protection --apply-immediately"},
	"AWS::RDS::GlobalCluster":                   {"DeletionProtection", "aws rds modify-global-cluster --global-cluster-identifier %s --deletion-protection"},
	"AWS::DocDB::DBCluster":                     {"DeletionProtection", "aws docdb modify-db-cluster --db-cluster-identifier %s --deletion-protection --apply-immediately"},
	"AWS::Neptune::DBCluster":                   {"DeletionProtection", "aws neptune modify-db-cluster --db-cluster-identifier %s --deletion-protection --apply-immediately"},
	"AWS::DSQL::Cluster":                        {"DeletionProtectionEnabled", "aws dsql update-cluster --identifier %s --deletion-protection-enabled"},
	"AWS::EC2::Instance":                        {"DisableApiTermination", "aws ec2 modify-instance-attribute --instance-id %s --disable-api-termination"},
	"AWS::Cognito::UserPool":                    {"DeletionProtection", ""}, // update-user-pool sets whatever is left out back
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {"", "aws elbv2 modify-load-balancer-attributes --load-balancer-arn %s --attributes Key=deletion_protection.enabled,Value=true"},
}

// filled are types that cannot be deleted as long as something is in them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html
var filled = map[string]struct{ unless, what string }{
	"AWS::S3::Bucket":          {"", "it holds objects"},
	"AWS::ECR::Repository":     {"EmptyOnDelete", "it holds images"},
	"AWS::Backup::BackupVault": {"", "it holds recovery points"},
}

// shield says what makes the deletion of a resource fail, "" where nothing is
// known to, and the reversible call that would.
func shield(typ, physical string, properties map[string]any) (resists, call string) {
	p, protected := protections[typ]
	if v := strings.ToLower(scalarText(properties[p.property])); protected && (v == "true" || v == "active") {
		return p.property + " is set", ""
	}
	if protected && p.command != "" && physical != "" {
		call = fmt.Sprintf(p.command, shellWord(physical))
	}
	if f, ok := filled[typ]; ok && (f.unless == "" || strings.ToLower(scalarText(properties[f.unless])) != "true") {
		resists = "if " + f.what
	}
	return resists, call
}

// shellWord quotes a word for a POSIX shell where it must be.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
