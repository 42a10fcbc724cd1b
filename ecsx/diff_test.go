package ecsx_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
)

func definition() *types.TaskDefinition {
	return &types.TaskDefinition{
		TaskDefinitionArn: aws.String("arn:aws:ecs:us-east-1:123456789012:task-definition/web:1"), Family: aws.String("web"), Revision: 1,
		Cpu: aws.String("256"), Memory: aws.String("512"), ExecutionRoleArn: aws.String("arn:aws:iam::123456789012:role/x"),
		ContainerDefinitions: []types.ContainerDefinition{
			{
				Name: aws.String("web"), Image: aws.String("web:1"), Command: []string{"serve"},
				Environment:  []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}, {Name: aws.String("B"), Value: aws.String("2")}},
				Secrets:      []types.Secret{{Name: aws.String("KEY"), ValueFrom: aws.String("arn:one")}},
				PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80)}},
				HealthCheck:  &types.HealthCheck{Command: []string{"CMD", "true"}, Interval: aws.Int32(10)},
			},
			{Name: aws.String("proxy"), Image: aws.String("nginx:1")},
		},
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit func(*types.TaskDefinition)
		want []string
	}{
		"nothing":                    {func(*types.TaskDefinition) {}, nil},
		"images":                     {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].Image = aws.String("web:2") }, nil},
		"what ECS writes":            {func(d *types.TaskDefinition) { d.Revision, d.Status = 7, types.TaskDefinitionStatusInactive }, nil},
		"the family":                 {func(d *types.TaskDefinition) { d.Family = aws.String("stack-Task-ABC") }, nil},
		"the order of variables":     {func(d *types.TaskDefinition) { e := d.ContainerDefinitions[0].Environment; e[0], e[1] = e[1], e[0] }, nil},
		"a default that is now said": {func(d *types.TaskDefinition) { d.ContainerDefinitions[1].Essential = aws.Bool(true) }, nil},
		"a check's default":          {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].HealthCheck.Timeout = aws.Int32(5) }, nil},
		"the protocol's default":     {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].PortMappings[0].Protocol = "tcp" }, nil},
		"an empty list":              {func(d *types.TaskDefinition) { d.ContainerDefinitions[1].Environment = []types.KeyValuePair{} }, nil},
		"cpu":                        {func(d *types.TaskDefinition) { d.Cpu = aws.String("512") }, []string{"cpu changed"}},
		"a task role":                {func(d *types.TaskDefinition) { d.TaskRoleArn = aws.String("r") }, []string{"taskRoleArn added"}},
		"a volume":                   {func(d *types.TaskDefinition) { d.Volumes = []types.Volume{{Name: aws.String("data")}} }, []string{"volumes data added"}},
		"a variable's value":         {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].Environment[0].Value = aws.String("s3cret") }, []string{"container web: environment A changed"}},
		"a variable less": {func(d *types.TaskDefinition) {
			d.ContainerDefinitions[0].Environment = d.ContainerDefinitions[0].Environment[:1]
		}, []string{"container web: environment B removed"}},
		"another secret":  {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].Secrets[0].ValueFrom = aws.String("arn:two") }, []string{"container web: secrets KEY changed"}},
		"another command": {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].Command = []string{"serve", "-v"} }, []string{"container web: command changed"}},
		"another check":   {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].HealthCheck.Interval = aws.Int32(30) }, []string{"container web: healthCheck.interval changed"}},
		"no check":        {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].HealthCheck = nil }, []string{"container web: healthCheck removed"}},
		"a port":          {func(d *types.TaskDefinition) { d.ContainerDefinitions[0].PortMappings[0].ContainerPort = aws.Int32(81) }, []string{"container web: portMappings 80/tcp removed", "container web: portMappings 81/tcp added"}},
		"a container more": {func(d *types.TaskDefinition) {
			d.ContainerDefinitions = append(d.ContainerDefinitions, types.ContainerDefinition{Name: aws.String("x")})
		}, []string{"container x: container added"}},
		"a container less":            {func(d *types.TaskDefinition) { d.ContainerDefinitions = d.ContainerDefinitions[:1] }, []string{"container proxy: container removed"}},
		"a container that is renamed": {func(d *types.TaskDefinition) { d.ContainerDefinitions[1].Name = aws.String("edge") }, []string{"container edge: container added", "container proxy: container removed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := definition()
			test.edit(to)
			var got []string
			for _, d := range ecsx.Diff(definition(), to) {
				got = append(got, d.String())
				require.NotContains(t, d.String(), "s3cret")
			}
			require.Equal(t, test.want, got)
		})
	}
	require.Empty(t, ecsx.Diff(nil, nil))
	require.NotEmpty(t, ecsx.Diff(nil, definition()))
}

// TestDiffSeesEveryField sets each field of a container and of a task
// definition in turn: a setting that the SDK gains later cannot be overlooked.
func TestDiffSeesEveryField(t *testing.T) {
	t.Parallel()
	own := map[string]bool{ // identity, and what ECS writes
		"Name": true, "Image": true, "ContainerDefinitions": true, "TaskDefinitionArn": true, "Family": true, "Revision": true, "Status": true,
		"RequiresAttributes": true, "Compatibilities": true, "RegisteredAt": true, "RegisteredBy": true, "DeregisteredAt": true, "DeleteRequestedAt": true,
	}
	check := func(typ reflect.Type, with func(reflect.Value) *types.TaskDefinition) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() || own[f.Name] {
				continue
			}
			v := reflect.New(typ).Elem()
			fill(v.Field(i))
			require.NotEmpty(t, ecsx.Diff(with(reflect.New(typ).Elem()), with(v)), f.Name)
		}
	}
	check(reflect.TypeFor[types.TaskDefinition](), func(v reflect.Value) *types.TaskDefinition {
		d := v.Interface().(types.TaskDefinition)
		return &d
	})
	check(reflect.TypeFor[types.ContainerDefinition](), func(v reflect.Value) *types.TaskDefinition {
		c := v.Interface().(types.ContainerDefinition)
		if c.Name = aws.String("web"); c.Essential != nil {
			c.Essential = aws.Bool(false) // true is the default
		}
		return &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{c}}
	})
}

// fill gives a field a value that is not its zero value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf("v"))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	}
}
