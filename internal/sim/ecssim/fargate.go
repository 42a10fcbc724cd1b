package ecssim

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fargateMemory is the least and the most memory in MiB, and the step between, by
// CPU units
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html).
var fargateMemory = map[int][3]int{
	256: {512, 2048, 512}, 512: {1024, 4096, 1024}, 1024: {2048, 8192, 1024}, 2048: {4096, 16384, 1024}, 4096: {8192, 30720, 1024},
	8192: {16384, 61440, 4096}, 16384: {32768, 122880, 8192},
}

// checkFargate refuses what a task definition that asks for Fargate lacks. The
// texts are AWS's, as users quote them, but for that of the network mode:
// https://github.com/mongodb/terraform-aws-ecs-task-definition/issues/38,
// https://github.com/towardsthecloud/aws-cdk-examples/issues/1.
func checkFargate(in *ecs.RegisterTaskDefinitionInput) error {
	if !slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate) {
		return nil
	}
	switch {
	case in.NetworkMode != types.NetworkModeAwsvpc:
		return clientError("Fargate only supports network mode awsvpc.")
	case str(in.Cpu) == "":
		return clientError("Fargate requires that 'cpu' be defined at the task level.")
	case str(in.Memory) == "":
		return clientError("Fargate requires that 'memory' be defined at the task level.")
	}
	cpu, err := strconv.Atoi(*in.Cpu)
	memory, err2 := strconv.Atoi(*in.Memory)
	if err != nil || err2 != nil {
		return nil //nolint:nilerr // written with a unit
	}
	m, known := fargateMemory[cpu]
	if !known && cpu <= 16384 || known && (memory < m[0] || memory > m[1] || memory%m[2] != 0) {
		return clientError(fmt.Sprintf("No Fargate configuration exists for given values: %d CPU, %d memory. See the Amazon ECS documentation for the valid values.", cpu, memory))
	}
	return nil
}

// fillPorts sets what the service answers for a port mapping that says less: the
// protocol, and the host's port, which is the container's unless the bridge picks
// one (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html).
func fillPorts(c *types.ContainerDefinition, mode types.NetworkMode) {
	for i := range c.PortMappings {
		p := &c.PortMappings[i]
		if p.Protocol == "" {
			p.Protocol = types.TransportProtocolTcp
		}
		switch {
		case p.HostPort != nil || p.ContainerPort == nil:
		case mode == types.NetworkModeAwsvpc || mode == types.NetworkModeHost:
			p.HostPort = new(*p.ContainerPort)
		default:
			p.HostPort = new(int32(0))
		}
	}
}
