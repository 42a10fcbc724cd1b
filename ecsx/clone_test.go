package ecsx

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"
)

// fill sets everything that can be reached from v to a value that is not zero.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && depth < 20 {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth+1)
		fill(v.Index(1), depth+1)
	case reflect.Map:
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k, depth+1)
		fill(e, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(k, e)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64, reflect.Float32:
		v.SetFloat(7)
	}
}

// A clone loses nothing of a task definition but what ECS itself writes
// (docs/aws/ecs.md 1.5), whatever fields the SDK gains.
func TestCloneLosesOnlyWhatECSWrites(t *testing.T) {
	t.Parallel()
	var def types.TaskDefinition
	fill(reflect.ValueOf(&def).Elem(), 0)
	in := clone(&def, []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}, {Key: aws.String("aws:cloudformation:stack-name"), Value: aws.String("prod")}})
	src, dst := reflect.ValueOf(def), reflect.ValueOf(*in)
	var lost []string
	for i := range src.NumField() {
		f := src.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		got := dst.FieldByName(f.Name)
		if !got.IsValid() {
			lost = append(lost, f.Name)
			continue
		}
		require.Equal(t, src.Field(i).Interface(), got.Interface(), f.Name)
		if src.Field(i).Kind() == reflect.Slice {
			require.NotEqual(t, src.Field(i).Pointer(), got.Pointer(), "%s is shared", f.Name)
		}
	}
	slices.Sort(lost)
	require.Equal(t, []string{"Compatibilities", "DeleteRequestedAt", "DeregisteredAt", "RegisteredAt", "RegisteredBy", "RequiresAttributes", "Revision", "Status", "TaskDefinitionArn"}, lost)
	require.Len(t, in.Tags, 1)
	// Nothing of the input is set that no task definition has, but the tags.
	for i := range dst.NumField() {
		if f := dst.Type().Field(i); f.IsExported() && f.Name != "Tags" {
			_, ok := src.Type().FieldByName(f.Name)
			require.True(t, ok, f.Name)
			require.False(t, dst.Field(i).IsZero(), f.Name)
		}
	}
	var _ *ecs.RegisterTaskDefinitionInput = in
}
