package rescuetest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/internal/sim/fields"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Record is what the cloud saw since it was made, or since [Cloud.ForgetCalls]:
// every container that started, every span in which a service had fewer healthy
// tasks than desired, every deletion with its cause, and every call that changed
// something with its caller, CloudFormation's included.
func (c *Cloud) Record() (r simtype.Record) {
	c.clock.Do(func() { r = c.home.Record() })
	return r
}

// recorded makes a call of CloudFormation's and records it.
func recorded[I, O any](w *world.World, action string, fn func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		if err := fields.Check(in); err != nil {
			w.Mutated(action, err)
			return nil, err
		}
		out, err := fn(ctx, in)
		w.Mutated(action, err)
		return out, err
	}
}

// What CloudFormation calls of the other services, with a record of it.
type (
	recordedECS struct {
		cfnsim.ECS
		w *world.World
	}
	recordedECR struct {
		cfnsim.ECR
		w *world.World
	}
	recordedLogs struct {
		cfnsim.Logs
		w *world.World
	}
	recordedSecrets struct {
		cfnsim.Secrets
		w *world.World
	}
	recordedSSM struct {
		cfnsim.SSM
		w *world.World
	}
	recordedELB struct {
		cfnsim.ELB
		w *world.World
	}
	recordedS3 struct {
		cfnsim.S3
		w *world.World
	}
)

func (r recordedECS) CreateCluster(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	return recorded(r.w, "ecs:CreateCluster", r.ECS.CreateCluster)(ctx, in)
}

func (r recordedECS) DeleteCluster(ctx context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	return recorded(r.w, "ecs:DeleteCluster", r.ECS.DeleteCluster)(ctx, in)
}

func (r recordedECS) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	return recorded(r.w, "ecs:RegisterTaskDefinition", r.ECS.RegisterTaskDefinition)(ctx, in)
}

func (r recordedECS) DeregisterTaskDefinition(ctx context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	return recorded(r.w, "ecs:DeregisterTaskDefinition", r.ECS.DeregisterTaskDefinition)(ctx, in)
}

func (r recordedECS) CreateService(ctx context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	return recorded(r.w, "ecs:CreateService", r.ECS.CreateService)(ctx, in)
}

func (r recordedECS) UpdateService(ctx context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	return recorded(r.w, "ecs:UpdateService", r.ECS.UpdateService)(ctx, in)
}

func (r recordedECS) DeleteService(ctx context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	return recorded(r.w, "ecs:DeleteService", r.ECS.DeleteService)(ctx, in)
}

func (r recordedECR) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	return recorded(r.w, "ecr:CreateRepository", r.ECR.CreateRepository)(ctx, in)
}

func (r recordedECR) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	return recorded(r.w, "ecr:DeleteRepository", r.ECR.DeleteRepository)(ctx, in)
}

func (r recordedECR) PutLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	return recorded(r.w, "ecr:PutLifecyclePolicy", r.ECR.PutLifecyclePolicy)(ctx, in)
}

func (r recordedECR) DeleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	return recorded(r.w, "ecr:DeleteLifecyclePolicy", r.ECR.DeleteLifecyclePolicy)(ctx, in)
}

func (r recordedLogs) CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	return recorded(r.w, "logs:CreateLogGroup", r.Logs.CreateLogGroup)(ctx, in)
}

func (r recordedLogs) DeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	return recorded(r.w, "logs:DeleteLogGroup", r.Logs.DeleteLogGroup)(ctx, in)
}

func (r recordedLogs) PutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	return recorded(r.w, "logs:PutRetentionPolicy", r.Logs.PutRetentionPolicy)(ctx, in)
}

func (r recordedSecrets) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	return recorded(r.w, "secretsmanager:CreateSecret", r.Secrets.CreateSecret)(ctx, in)
}

func (r recordedSecrets) UpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	return recorded(r.w, "secretsmanager:UpdateSecret", r.Secrets.UpdateSecret)(ctx, in)
}

func (r recordedSecrets) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	return recorded(r.w, "secretsmanager:DeleteSecret", r.Secrets.DeleteSecret)(ctx, in)
}

func (r recordedSSM) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	return recorded(r.w, "ssm:PutParameter", r.SSM.PutParameter)(ctx, in)
}

func (r recordedSSM) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	return recorded(r.w, "ssm:DeleteParameter", r.SSM.DeleteParameter)(ctx, in)
}

func (r recordedS3) CreateBucket(ctx context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	return recorded(r.w, "s3:CreateBucket", r.S3.CreateBucket)(ctx, in)
}

func (r recordedS3) DeleteBucket(ctx context.Context, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	return recorded(r.w, "s3:DeleteBucket", r.S3.DeleteBucket)(ctx, in)
}

func (r recordedELB) CreateTargetGroup(ctx context.Context, in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	return recorded(r.w, "elasticloadbalancing:CreateTargetGroup", r.ELB.CreateTargetGroup)(ctx, in)
}

func (r recordedELB) ModifyTargetGroup(ctx context.Context, in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
	return recorded(r.w, "elasticloadbalancing:ModifyTargetGroup", r.ELB.ModifyTargetGroup)(ctx, in)
}

func (r recordedELB) DeleteTargetGroup(ctx context.Context, in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
	return recorded(r.w, "elasticloadbalancing:DeleteTargetGroup", r.ELB.DeleteTargetGroup)(ctx, in)
}

func (r recordedELB) CreateLoadBalancer(ctx context.Context, in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	return recorded(r.w, "elasticloadbalancing:CreateLoadBalancer", r.ELB.CreateLoadBalancer)(ctx, in)
}

func (r recordedELB) ModifyLoadBalancerAttributes(ctx context.Context, in *elb.ModifyLoadBalancerAttributesInput) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	return recorded(r.w, "elasticloadbalancing:ModifyLoadBalancerAttributes", r.ELB.ModifyLoadBalancerAttributes)(ctx, in)
}

func (r recordedELB) DeleteLoadBalancer(ctx context.Context, in *elb.DeleteLoadBalancerInput) (*elb.DeleteLoadBalancerOutput, error) {
	return recorded(r.w, "elasticloadbalancing:DeleteLoadBalancer", r.ELB.DeleteLoadBalancer)(ctx, in)
}

func (r recordedELB) CreateListener(ctx context.Context, in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	return recorded(r.w, "elasticloadbalancing:CreateListener", r.ELB.CreateListener)(ctx, in)
}

func (r recordedELB) ModifyListener(ctx context.Context, in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	return recorded(r.w, "elasticloadbalancing:ModifyListener", r.ELB.ModifyListener)(ctx, in)
}

func (r recordedELB) DeleteListener(ctx context.Context, in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
	return recorded(r.w, "elasticloadbalancing:DeleteListener", r.ELB.DeleteListener)(ctx, in)
}
