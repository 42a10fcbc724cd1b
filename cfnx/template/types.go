package template

// imagePaths returns where a resource type holds container images, as paths of
// property names below Properties: "*" is every item of a list, "**" every
// value of a map. It is nil for a type that runs no container of its own.
// Source: docs/aws/cfn.md 5.1 and
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
//
// Not here, because they name machine images or catalogue entries: ImageId of
// EC2 and Cloud9, ImageName of AppStream and SageMaker.
func imagePaths(resourceType string) [][]string {
	switch resourceType {
	case "AWS::ECS::TaskDefinition", "AWS::ECS::DaemonTaskDefinition":
		return [][]string{{"ContainerDefinitions", "*", "Image"}}
	case "AWS::ECS::ExpressGatewayService":
		return [][]string{{"PrimaryContainer", "Image"}}
	case "AWS::Lambda::Function":
		return [][]string{{"Code", "ImageUri"}}
	case "AWS::Serverless::Function":
		return [][]string{{"ImageUri"}}
	case "AWS::Batch::JobDefinition":
		return batchPaths()
	case "AWS::AppRunner::Service":
		return [][]string{{"SourceConfiguration", "ImageRepository", "ImageIdentifier"}}
	case "AWS::Lightsail::Container":
		return [][]string{{"ContainerServiceDeployment", "Containers", "*", "Image"}}
	case "AWS::CodeBuild::Project":
		return [][]string{{"Environment", "Image"}}
	case "AWS::EMRServerless::Application":
		return [][]string{{"ImageConfiguration", "ImageUri"}, {"WorkerTypeSpecifications", "**", "ImageConfiguration", "ImageUri"}}
	case "AWS::GameLift::ContainerGroupDefinition":
		return [][]string{{"GameServerContainerDefinition", "ImageUri"}, {"SupportContainerDefinitions", "*", "ImageUri"}}
	case "AWS::ImageBuilder::ContainerRecipe":
		return [][]string{{"ParentImage"}}
	case "AWS::IoTAnalytics::Dataset":
		return [][]string{{"Actions", "*", "ContainerAction", "Image"}}
	case "AWS::BedrockAgentCore::Runtime":
		return [][]string{{"AgentRuntimeArtifact", "ContainerConfiguration", "ContainerUri"}}
	}
	return sageMakerPaths(resourceType)
}

func batchPaths() [][]string {
	task := []string{"TaskProperties", "*", "Containers", "*", "Image"}
	pod := []string{"PodProperties", "Containers", "*", "Image"}
	initPod := []string{"PodProperties", "InitContainers", "*", "Image"}
	paths := [][]string{{"ContainerProperties", "Image"}, {"NodeProperties", "NodeRangeProperties", "*", "Container", "Image"}}
	for _, at := range [][]string{nil, {"NodeProperties", "NodeRangeProperties", "*"}} {
		for _, p := range [][]string{append([]string{"EcsProperties"}, task...), append([]string{"EksProperties"}, pod...), append([]string{"EksProperties"}, initPod...)} {
			paths = append(paths, append(append([]string{}, at...), p...))
		}
	}
	return paths
}

func sageMakerPaths(resourceType string) [][]string {
	switch resourceType {
	case "AWS::SageMaker::Model":
		return [][]string{{"PrimaryContainer", "Image"}, {"Containers", "*", "Image"}}
	case "AWS::SageMaker::ModelPackage":
		return [][]string{
			{"InferenceSpecification", "Containers", "*", "Image"},
			{"AdditionalInferenceSpecifications", "*", "Containers", "*", "Image"},
			{"AdditionalInferenceSpecificationsToAdd", "*", "Containers", "*", "Image"},
		}
	case "AWS::SageMaker::InferenceComponent":
		return [][]string{{"Specification", "Container", "Image"}}
	case "AWS::SageMaker::ImageVersion":
		return [][]string{{"BaseImage"}}
	case "AWS::SageMaker::DataQualityJobDefinition":
		return [][]string{{"DataQualityAppSpecification", "ImageUri"}}
	case "AWS::SageMaker::ModelBiasJobDefinition":
		return [][]string{{"ModelBiasAppSpecification", "ImageUri"}}
	case "AWS::SageMaker::ModelExplainabilityJobDefinition":
		return [][]string{{"ModelExplainabilityAppSpecification", "ImageUri"}}
	case "AWS::SageMaker::ModelQualityJobDefinition":
		return [][]string{{"ModelQualityAppSpecification", "ImageUri"}}
	case "AWS::SageMaker::MonitoringSchedule":
		return [][]string{{"MonitoringScheduleConfig", "MonitoringJobDefinition", "MonitoringAppSpecification", "ImageUri"}}
	}
	return nil
}
