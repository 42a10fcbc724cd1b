package cfnsim

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// fakes stand in for the other services: just enough for the providers.
type fakes struct {
	w         *world.World
	objects   map[string]string
	secrets   map[string]string
	params    map[string]string
	images    map[string]bool // that can be pulled
	revisions map[string]int
	active    map[string]*ecstypes.TaskDefinition
	services  map[string]*ecstypes.Service
	calls     []string
	hang      bool // deployments stay in progress
}

func newFakes(w *world.World) *fakes {
	return &fakes{
		w: w, objects: map[string]string{}, secrets: map[string]string{}, params: map[string]string{}, images: map[string]bool{},
		revisions: map[string]int{}, active: map[string]*ecstypes.TaskDefinition{}, services: map[string]*ecstypes.Service{},
	}
}

func (f *fakes) log(format string, a ...any) { f.calls = append(f.calls, fmt.Sprintf(format, a...)) }

func (f *fakes) CreateCluster(_ context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	f.log("CreateCluster %s", *in.ClusterName)
	return &ecs.CreateClusterOutput{Cluster: &ecstypes.Cluster{ClusterArn: ptr(f.w.ARN("ecs", "cluster/"+*in.ClusterName))}}, nil
}

func (f *fakes) DescribeClusters(context.Context, *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	return &ecs.DescribeClustersOutput{}, nil
}

func (f *fakes) DeleteCluster(_ context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	f.log("DeleteCluster %s", *in.Cluster)
	return &ecs.DeleteClusterOutput{}, nil
}

func (f *fakes) RegisterTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	f.revisions[*in.Family]++
	td := &ecstypes.TaskDefinition{
		TaskDefinitionArn:    ptr(f.w.ARN("ecs", fmt.Sprintf("task-definition/%s:%d", *in.Family, f.revisions[*in.Family]))),
		ContainerDefinitions: in.ContainerDefinitions, Cpu: in.Cpu,
	}
	f.active[*td.TaskDefinitionArn] = td
	f.log("RegisterTaskDefinition %s:%d", *in.Family, f.revisions[*in.Family])
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: td}, nil
}

func (f *fakes) DeregisterTaskDefinition(_ context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	f.log("DeregisterTaskDefinition %s", tail(*in.TaskDefinition))
	delete(f.active, *in.TaskDefinition)
	return &ecs.DeregisterTaskDefinitionOutput{}, nil
}

func tail(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// deploy makes a deployment that ends after a minute, well if every image of
// the revision can be pulled.
func (f *fakes) deploy(s *ecstypes.Service, td string) error {
	d, ok := f.active[td]
	if !ok {
		return op.Error("ClientException", "TaskDefinition is inactive")
	}
	dep := ecstypes.Deployment{Id: ptr("ecs-svc/" + f.w.Digits(19)), Status: ptr("PRIMARY"), TaskDefinition: &td, RolloutState: ecstypes.DeploymentRolloutStateInProgress}
	s.TaskDefinition = &td
	s.Deployments = []ecstypes.Deployment{dep}
	f.w.After(time.Minute, func() {
		for i := range s.Deployments {
			if *s.Deployments[i].Id != *dep.Id || f.hang {
				continue
			}
			s.Deployments[i].RolloutState = ecstypes.DeploymentRolloutStateCompleted
			for _, c := range d.ContainerDefinitions {
				if !f.images[*c.Image] {
					s.Deployments[i].RolloutState = ecstypes.DeploymentRolloutStateFailed
				}
			}
		}
	})
	return nil
}

func (f *fakes) CreateService(_ context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	f.log("CreateService %s desired=%d", *in.ServiceName, *in.DesiredCount)
	s := &ecstypes.Service{
		ServiceArn: ptr(f.w.ARN("ecs", "service/"+shortCluster(str(in.Cluster))+"/"+*in.ServiceName)), ServiceName: in.ServiceName, Status: ptr("ACTIVE"),
		DesiredCount: *in.DesiredCount, DeploymentConfiguration: in.DeploymentConfiguration,
	}
	f.services[*s.ServiceArn] = s
	return &ecs.CreateServiceOutput{Service: s}, f.deploy(s, *in.TaskDefinition)
}

func (f *fakes) UpdateService(_ context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	s := f.services[*in.Service]
	f.log("UpdateService %s %s desired=%v", tail(*in.Service), tail(str(in.TaskDefinition)), in.DesiredCount != nil)
	if s == nil {
		return nil, op.Error("ServiceNotFoundException", "Service not found.")
	}
	return &ecs.UpdateServiceOutput{Service: s}, f.deploy(s, *in.TaskDefinition)
}

func (f *fakes) DeleteService(_ context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	f.log("DeleteService %s", tail(*in.Service))
	delete(f.services, *in.Service)
	return &ecs.DeleteServiceOutput{}, nil
}

func (f *fakes) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	out := &ecs.DescribeServicesOutput{}
	if s := f.services[in.Services[0]]; s != nil {
		out.Services = append(out.Services, *s)
	}
	return out, nil
}

func (f *fakes) CreateRepository(_ context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	f.log("CreateRepository %s", *in.RepositoryName)
	return &ecr.CreateRepositoryOutput{}, nil
}

func (f *fakes) DeleteRepository(_ context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	f.log("DeleteRepository %s", *in.RepositoryName)
	return &ecr.DeleteRepositoryOutput{}, nil
}

func (f *fakes) PutLifecyclePolicy(_ context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	f.log("PutLifecyclePolicy %s", *in.RepositoryName)
	return &ecr.PutLifecyclePolicyOutput{}, nil
}

func (f *fakes) DeleteLifecyclePolicy(context.Context, *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	return &ecr.DeleteLifecyclePolicyOutput{}, nil
}

func (f *fakes) CreateLogGroup(_ context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	f.log("CreateLogGroup %s", *in.LogGroupName)
	return &cloudwatchlogs.CreateLogGroupOutput{}, nil
}

func (f *fakes) DeleteLogGroup(context.Context, *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	return &cloudwatchlogs.DeleteLogGroupOutput{}, nil
}

func (f *fakes) PutRetentionPolicy(_ context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	f.log("PutRetentionPolicy %s %d", *in.LogGroupName, *in.RetentionInDays)
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, nil
}

func (f *fakes) CreateSecret(_ context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	arn := f.w.ARN("secretsmanager", "secret:"+*in.Name+"-AbCdEf")
	f.secrets[arn] = *in.SecretString
	return &secretsmanager.CreateSecretOutput{ARN: &arn}, nil
}

func (f *fakes) DeleteSecret(_ context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	delete(f.secrets, *in.SecretId)
	return &secretsmanager.DeleteSecretOutput{}, nil
}

func (f *fakes) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	v, ok := f.secrets[*in.SecretId]
	if !ok {
		return nil, op.Error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: &v}, nil
}

func (f *fakes) UpdateSecret(_ context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	if in.SecretString != nil {
		f.secrets[*in.SecretId] = *in.SecretString
	}
	return &secretsmanager.UpdateSecretOutput{}, nil
}

func (f *fakes) PutParameter(_ context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	f.params[*in.Name] = *in.Value
	return &ssm.PutParameterOutput{}, nil
}

func (f *fakes) GetParameter(_ context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	v, ok := f.params[*in.Name]
	if !ok {
		return nil, &ssmtypes.ParameterNotFound{}
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Name: in.Name, Value: &v}}, nil
}

func (f *fakes) DeleteParameter(_ context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	delete(f.params, *in.Name)
	return &ssm.DeleteParameterOutput{}, nil
}

func (f *fakes) CreateBucket(context.Context, *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	return &s3.CreateBucketOutput{}, nil
}

func (f *fakes) DeleteBucket(context.Context, *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	return &s3.DeleteBucketOutput{}, nil
}

func (f *fakes) GetObject(_ context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	body, ok := f.objects[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, &s3types.NoSuchKey{Message: ptr("The specified key does not exist.")}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(body))}, nil
}
