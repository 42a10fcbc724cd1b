package cfnx

import (
	"fmt"
	"strings"
)

// protection is the property of a type that makes its deletion fail, the command
// that sets it, which can be taken back, and the command's action as IAM names it. %s
// is the physical id.
type protection struct{ property, command, action string }

// protections are by type.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
// https://docs.aws.amazon.com/cli/latest/reference/
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var protections = map[string]protection{
	"AWS::DynamoDB::Table":                      {"DeletionProtectionEnabled", "aws dynamodb update-table --table-name %s --deletion-protection-enabled", "dynamodb:UpdateTable"},
	"AWS::RDS::DBInstance":                      {"DeletionProtection", "aws rds modify-db-instance --db-instance-identifier %s --deletion-protection --apply-immediately", "rds:ModifyDBInstance"},
	"AWS::RDS::DBCluster":                       {"DeletionProtection", "aws rds modify-db-cluster --db-cluster-identifier %s --deletion-protection --apply-immediately", "rds:ModifyDBCluster"},
	"AWS::RDS::GlobalCluster":                   {"DeletionProtection", "aws rds modify-global-cluster --global-cluster-identifier %s --deletion-protection", "rds:ModifyGlobalCluster"},
	"AWS::DocDB::DBCluster":                     {"DeletionProtection", "aws docdb modify-db-cluster --db-cluster-identifier %s --deletion-protection --apply-immediately", "rds:ModifyDBCluster"},
	"AWS::Neptune::DBCluster":                   {"DeletionProtection", "aws neptune modify-db-cluster --db-cluster-identifier %s --deletion-protection --apply-immediately", "rds:ModifyDBCluster"},
	"AWS::DSQL::Cluster":                        {"DeletionProtectionEnabled", "aws dsql update-cluster --identifier %s --deletion-protection-enabled", "dsql:UpdateCluster"},
	"AWS::EC2::Instance":                        {"DisableApiTermination", "aws ec2 modify-instance-attribute --instance-id %s --disable-api-termination", "ec2:ModifyInstanceAttribute"},
	"AWS::Cognito::UserPool":                    {"DeletionProtection", "", ""}, // update-user-pool sets whatever is left out back
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {"", "aws elbv2 modify-load-balancer-attributes --load-balancer-arn %s --attributes Key=deletion_protection.enabled,Value=true", "elasticloadbalancing:ModifyLoadBalancerAttributes"},
	// A bucket that holds an object cannot be deleted.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html
	"AWS::S3::Bucket": {"", "aws s3api put-object --bucket %s --key stackrescue-shield", "s3:PutObject"},
}

// unshield are the parts of the commands that set a protection, with what takes it
// off.
var unshield = strings.NewReplacer(
	" --deletion-protection", " --no-deletion-protection",
	" --disable-api-termination", " --no-disable-api-termination",
	"deletion_protection.enabled,Value=true", "deletion_protection.enabled,Value=false",
	"s3api put-object", "s3api delete-object",
)

// filled are types that cannot be deleted as long as something is in them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html
var filled = map[string]struct{ unless, what string }{
	"AWS::S3::Bucket":          {"", "it holds objects"},
	"AWS::ECR::Repository":     {"EmptyOnDelete", "it holds images"},
	"AWS::Backup::BackupVault": {"", "it holds recovery points"},
}

// shield says what makes the deletion of a resource fail, and the reversible call
// that would.
func (d *Deletion) shield(properties map[string]any) {
	p, protected := protections[d.Type]
	if v := strings.ToLower(scalarText(properties[p.property])); protected && (v == "true" || v == "active") {
		d.Resists = p.property + " is set"
		return
	}
	if protected && p.command != "" && d.PhysicalID != "" {
		d.Shield, d.ShieldAction = fmt.Sprintf(p.command, shellWord(d.PhysicalID)), p.action
	}
	if f, ok := filled[d.Type]; ok && (f.unless == "" || strings.ToLower(scalarText(properties[f.unless])) != "true") {
		d.Resists = "if " + f.what
	}
}

// Unshield is the command that takes Shield back; "" where there is none.
func (d Deletion) Unshield() string { return unshield.Replace(d.Shield) }

// shellWord quotes a word for a POSIX shell where it must be.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
