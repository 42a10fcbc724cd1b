package rescue

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"
)

// full gives every field that can be set a value of its own.
func full(v reflect.Value, n *int, depth int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem(), n, depth)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				full(v.Field(i), n, depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		full(v.Index(0), n, depth+1)
		full(v.Index(1), n, depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		e := reflect.New(v.Type().Elem()).Elem()
		full(e, n, depth+1)
		v.SetMapIndex(reflect.ValueOf("Key"), e)
	case reflect.String:
		v.SetString("text " + strings.Repeat("x", *n%7))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64, reflect.Float32:
		v.SetFloat(float64(*n))
	}
}

// Every member of a registration comes through a document as it was.
func TestRegistrationKeepsEveryMember(t *testing.T) {
	t.Parallel()
	in := &ecs.RegisterTaskDefinitionInput{}
	n := 0
	full(reflect.ValueOf(in).Elem(), &n, 0)
	require.Greater(t, n, 300)
	data, err := json.Marshal(in)
	require.NoError(t, err)
	var document map[string]any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	require.NoError(t, d.Decode(&document))
	out, err := registration(document)
	require.NoError(t, err)
	require.Equal(t, in, out)
}

// What a template writes as text is a number or a truth; what ECS cannot register, or
// is of another form, is refused by its name, without its value.
func TestRegistrationOfATemplatesValues(t *testing.T) {
	t.Parallel()
	with := func(container map[string]any) map[string]any {
		c := map[string]any{"Name": "web", "Image": "x"}
		for k, v := range container {
			c[k] = v
		}
		return map[string]any{"family": "web", "containerDefinitions": []any{c}, "registeredAt": "now", "Status": "ACTIVE"}
	}
	in, err := registration(with(map[string]any{"Cpu": "256", "Essential": "false", "portMappings": []any{map[string]any{"ContainerPort": "80"}}, "Environment": []any{map[string]any{"Name": "A", "valueSha256": "00"}}}))
	require.NoError(t, err)
	require.Equal(t, int32(256), in.ContainerDefinitions[0].Cpu)
	require.False(t, *in.ContainerDefinitions[0].Essential)
	require.Equal(t, int32(80), *in.ContainerDefinitions[0].PortMappings[0].ContainerPort)
	for name, wrong := range map[string]map[string]any{
		"NoSuchSetting": {"NoSuchSetting": "hunter2"}, "Cpu": {"Cpu": "hunter2"}, "Essential": {"Essential": "hunter2"}, "Command": {"Command": "hunter2"},
		"HealthCheck": {"HealthCheck": []any{"hunter2"}}, "DockerLabels": {"DockerLabels": "hunter2"}, "User": {"User": map[string]any{"hunter2": "x"}}, "container has no name": {"Image": nil},
	} {
		_, err := registration(with(wrong))
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err = registration(map[string]any{"family": "web"})
	require.ErrorContains(t, err, "no container")
}
