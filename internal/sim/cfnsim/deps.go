package cfnsim

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Deps are the typed handlers of the other simulated services that resource
// types call, under the lock that is already held. A nil one makes its resource
// types inert: they take their time and change nothing.
type Deps struct {
	ECS     ECS
	ECR     ECR
	Logs    Logs
	Secrets Secrets
	SSM     SSM
	S3      S3
	ELB     ELB
	// ImageExists reports whether an image can be fetched, for functions of
	// package type Image. Nil means that every image can.
	ImageExists func(ref string) bool
	// OwnedSecret creates a secret that another service owns, such as a
	// database's master user secret, whose name users may not choose; it returns
	// the ARN. Nil means Secrets.CreateSecret.
	OwnedSecret func(ctx context.Context, owner, name, value string) (arn string, err error)
}

// ECS is what AWS::ECS resource types call.
type ECS interface {
	CreateCluster(context.Context, *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error)
	DescribeClusters(context.Context, *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error)
	DeleteCluster(context.Context, *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error)
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error)
	DeregisterTaskDefinition(context.Context, *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error)
	CreateService(context.Context, *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error)
	DeleteService(context.Context, *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error)
	DescribeServices(context.Context, *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error)
}

// ECR is what AWS::ECR::Repository calls.
type ECR interface {
	CreateRepository(context.Context, *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error)
	DeleteRepository(context.Context, *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error)
	PutLifecyclePolicy(context.Context, *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error)
	DeleteLifecyclePolicy(context.Context, *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error)
}

// Logs is what AWS::Logs::LogGroup calls.
type Logs interface {
	CreateLogGroup(context.Context, *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error)
	DeleteLogGroup(context.Context, *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error)
	PutRetentionPolicy(context.Context, *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error)
}

// Secrets is what AWS::SecretsManager::Secret, managed master passwords and
// dynamic references call.
type Secrets interface {
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error)
	DeleteSecret(context.Context, *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error)
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error)
	UpdateSecret(context.Context, *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error)
}

// SSM is what AWS::SSM::Parameter, parameters of SSM types and dynamic
// references call.
type SSM interface {
	PutParameter(context.Context, *ssm.PutParameterInput) (*ssm.PutParameterOutput, error)
	GetParameter(context.Context, *ssm.GetParameterInput) (*ssm.GetParameterOutput, error)
	DeleteParameter(context.Context, *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error)
}

// ELB is what AWS::ElasticLoadBalancingV2 resource types call.
type ELB interface {
	CreateLoadBalancer(context.Context, *elasticloadbalancingv2.CreateLoadBalancerInput) (*elasticloadbalancingv2.CreateLoadBalancerOutput, error)
	ModifyLoadBalancerAttributes(context.Context, *elasticloadbalancingv2.ModifyLoadBalancerAttributesInput) (*elasticloadbalancingv2.ModifyLoadBalancerAttributesOutput, error)
	DeleteLoadBalancer(context.Context, *elasticloadbalancingv2.DeleteLoadBalancerInput) (*elasticloadbalancingv2.DeleteLoadBalancerOutput, error)
	CreateListener(context.Context, *elasticloadbalancingv2.CreateListenerInput) (*elasticloadbalancingv2.CreateListenerOutput, error)
	ModifyListener(context.Context, *elasticloadbalancingv2.ModifyListenerInput) (*elasticloadbalancingv2.ModifyListenerOutput, error)
	DeleteListener(context.Context, *elasticloadbalancingv2.DeleteListenerInput) (*elasticloadbalancingv2.DeleteListenerOutput, error)
	CreateTargetGroup(context.Context, *elasticloadbalancingv2.CreateTargetGroupInput) (*elasticloadbalancingv2.CreateTargetGroupOutput, error)
	ModifyTargetGroup(context.Context, *elasticloadbalancingv2.ModifyTargetGroupInput) (*elasticloadbalancingv2.ModifyTargetGroupOutput, error)
	DeleteTargetGroup(context.Context, *elasticloadbalancingv2.DeleteTargetGroupInput) (*elasticloadbalancingv2.DeleteTargetGroupOutput, error)
}

// S3 is what AWS::S3::Bucket and TemplateURL call.
type S3 interface {
	CreateBucket(context.Context, *s3.CreateBucketInput) (*s3.CreateBucketOutput, error)
	DeleteBucket(context.Context, *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error)
	GetObject(context.Context, *s3.GetObjectInput) (*s3.GetObjectOutput, error)
}
