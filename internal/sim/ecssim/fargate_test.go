package ecssim

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"
)

func TestFargateValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode        types.NetworkMode
		cpu, memory string
		want        string
	}{
		{types.NetworkModeAwsvpc, "256", "512", ""},
		{types.NetworkModeAwsvpc, ".25 vCPU", "0.5 GB", ""},
		{types.NetworkModeAwsvpc, "4096", "30720", ""},
		{types.NetworkModeBridge, "256", "512", "network mode awsvpc"},
		{types.NetworkModeAwsvpc, "", "512", "'cpu' be defined at the task level"},
		{types.NetworkModeAwsvpc, "256", "", "'memory' be defined at the task level"},
		{types.NetworkModeAwsvpc, "512", "512", "No Fargate configuration exists for given values: 512 CPU, 512 memory."},
		{types.NetworkModeAwsvpc, "300", "512", "No Fargate configuration"},
		{types.NetworkModeAwsvpc, "8192", "17000", "No Fargate configuration"},
	} {
		in := &ecs.RegisterTaskDefinitionInput{RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, NetworkMode: c.mode}
		if c.cpu != "" {
			in.Cpu = &c.cpu
		}
		if c.memory != "" {
			in.Memory = &c.memory
		}
		err := checkFargate(in)
		if c.want == "" {
			require.NoError(t, err, "%v", c)
			continue
		}
		require.ErrorContains(t, err, c.want, "%v", c)
	}
}

func TestPortsAreFilled(t *testing.T) {
	t.Parallel()
	for mode, want := range map[types.NetworkMode]int32{types.NetworkModeAwsvpc: 80, types.NetworkModeHost: 80, types.NetworkModeBridge: 0, "": 0} {
		c := types.ContainerDefinition{PortMappings: []types.PortMapping{{ContainerPort: new(int32(80))}, {ContainerPort: new(int32(81)), HostPort: new(int32(8081)), Protocol: types.TransportProtocolUdp}}}
		fillPorts(&c, mode)
		require.Equal(t, want, *c.PortMappings[0].HostPort, mode)
		require.Equal(t, types.TransportProtocolTcp, c.PortMappings[0].Protocol)
		require.Equal(t, types.PortMapping{ContainerPort: new(int32(81)), HostPort: new(int32(8081)), Protocol: types.TransportProtocolUdp}, c.PortMappings[1])
	}
}
