package cfnsim

import "time"

const (
	clusterType        = "AWS::ECS::Cluster"
	taskDefinitionType = "AWS::ECS::TaskDefinition"
	serviceType        = "AWS::ECS::Service"
	targetGroupType    = "AWS::ElasticLoadBalancingV2::TargetGroup"
)

// kinds are the resource types that do something. Which properties need a
// replacement is in each type's reference
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html).
func (s *Service) table() map[string]*kind {
	t := map[string]*kind{
		stackType:          {removed: time.Second},
		"AWS::IAM::Role":   inertKind("RoleName", "Path"),
		"AWS::SNS::Topic":  inertKind("TopicName", "FifoTopic"),
		"AWS::SQS::Queue":  inertKind("QueueName", "FifoQueue"),
		"AWS::EC2::VPC":    inertKind("CidrBlock"),
		"AWS::EC2::Subnet": inertKind("CidrBlock", "VpcId", "AvailabilityZone"),

		"AWS::DynamoDB::Table":    inertKind("TableName"),
		"AWS::Lambda::Function":   functionKind(),
		"AWS::EC2::SecurityGroup": inertKind("GroupName", "GroupDescription", "VpcId"),

		balancerType:    balancerKind(s.deps.ELB),
		listenerType:    listenerKind(s.deps.ELB),
		targetGroupType: targetGroupKind(s.deps.ELB),

		"AWS::RDS::DBInstance":        databaseKind("db", "DBInstanceIdentifier", 6*time.Minute),
		"AWS::RDS::DBCluster":         databaseKind("cluster", "DBClusterIdentifier", 4*time.Minute),
		"AWS::ECR::Repository":        repositoryKind(s.deps.ECR),
		"AWS::Logs::LogGroup":         logGroupKind(s.deps.Logs),
		"AWS::SecretsManager::Secret": secretKind(s.deps.Secrets),
		"AWS::SSM::Parameter":         ssmKind(s.deps.SSM),
		"AWS::S3::Bucket":             bucketKind(s.deps.S3),
		clusterType:                   clusterKind(s.deps.ECS),
		taskDefinitionType:            taskDefinitionKind(s.deps.ECS),
		serviceType:                   serviceKind(s.deps.ECS),
		waitConditionType:             waitConditionKind(),
	}
	for typ, api := range map[string]any{
		"AWS::ECR::Repository": s.deps.ECR, "AWS::Logs::LogGroup": s.deps.Logs, "AWS::SecretsManager::Secret": s.deps.Secrets, "AWS::SSM::Parameter": s.deps.SSM,
		targetGroupType: s.deps.ELB, balancerType: s.deps.ELB, listenerType: s.deps.ELB, "AWS::S3::Bucket": s.deps.S3, clusterType: s.deps.ECS, taskDefinitionType: s.deps.ECS, serviceType: s.deps.ECS,
	} {
		t[typ].serviced = !isNil(api)
	}
	return t
}

// base is an inert kind with the durations given; make, change and remove are
// replaced where there is a service to call.
func baseKind(created, changed, removed time.Duration, replacing ...string) *kind {
	k := inertKind(replacing...)
	k.created, k.changed, k.removed = created, changed, removed
	return k
}
