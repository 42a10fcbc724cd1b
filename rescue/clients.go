package rescue

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type clients struct {
	cfn     *cloudformation.Client
	ecs     *ecs.Client
	ecr     *ecr.Client
	logs    *cloudwatchlogs.Client
	s3      *s3.Client
	secrets *secretsmanager.Client
	sts     *sts.Client
	// http downloads what ECR gives URLs of.
	http aws.HTTPClient
}

func newClients(cfg aws.Config) clients {
	return clients{
		cfn: cloudformation.NewFromConfig(cfg), ecs: ecs.NewFromConfig(cfg), ecr: ecr.NewFromConfig(cfg),
		logs: cloudwatchlogs.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg),
		secrets: secretsmanager.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg), http: cfg.HTTPClient,
	}
}

// readActions are the calls of [Diagnose]; none changes anything.
var readActions = []string{
	"sts:GetCallerIdentity",
	"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:DescribeChangeSet", "cloudformation:GetStackPolicy", "cloudformation:ListImports",
	"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListTasks", "ecs:DescribeTasks", "ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions",
	"logs:FilterLogEvents", "logs:DescribeLogGroups",
	"ecr:DescribeImages", "ecr:GetLifecyclePolicy", "ecr:DescribeRegistry",
	"s3:GetObject", "s3:HeadObject",
	"secretsmanager:DescribeSecret",
}

// ReadActions lists the operations that [Diagnose] uses, as IAM names them;
// s3:HeadObject needs s3:GetObject, the others the action of the same name.
func ReadActions() []string { return append([]string(nil), readActions...) }
