package ecsx

import (
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Tags that mark the revisions this package registered.
const (
	// tagOwner is on every revision that this package registered; its value is
	// ownerValue.
	tagOwner = "stackrescue:owner"
	// tagSource is the ARN of the revision that was cloned.
	tagSource = "stackrescue:source"
	// ownerValue is the value of tagOwner.
	ownerValue = "stackrescue"
)

// ClonedFrom returns the ARN of the revision that [ForceDeployLatest] has cloned to
// make the one with these tags. ok is false for a revision that it did not make.
func ClonedFrom(tags []types.Tag) (arn string, ok bool) {
	for _, t := range tags {
		switch aws.ToString(t.Key) {
		case tagOwner:
			ok = aws.ToString(t.Value) == ownerValue
		case tagSource:
			arn = aws.ToString(t.Value)
		}
	}
	if !ok {
		return "", false
	}
	return arn, true
}

// clone is the input that registers a revision like def: every field that
// both have is carried over, so that a field the SDK gains later is not lost.
// Tags with the reserved prefix "aws:" are left out, because they cannot be
// set. The clone shares no memory with def. It is pure.
func clone(def *types.TaskDefinition, tags []types.Tag) *ecs.RegisterTaskDefinitionInput {
	in := &ecs.RegisterTaskDefinitionInput{}
	dst, src := reflect.ValueOf(in).Elem(), reflect.ValueOf(def).Elem()
	for i := range dst.NumField() {
		f := dst.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if from := src.FieldByName(f.Name); from.IsValid() && from.Type() == f.Type {
			dst.Field(i).Set(deepCopy(from))
		}
	}
	for _, t := range tags {
		if !strings.HasPrefix(strings.ToLower(aws.ToString(t.Key)), "aws:") {
			in.Tags = append(in.Tags, types.Tag{Key: t.Key, Value: t.Value})
		}
	}
	return in
}

func deepCopy(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(deepCopy(v.Elem()))
		}
	case reflect.Struct:
		out.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Type.Kind() != reflect.Interface {
				out.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
	case reflect.Slice:
		if v.Len() > 0 { // the service answers lists that were left out as empty ones
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(deepCopy(v.Index(i)))
			}
		}
	case reflect.Map:
		if v.Len() > 0 {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for it := v.MapRange(); it.Next(); {
				out.SetMapIndex(it.Key(), deepCopy(it.Value()))
			}
		}
	default:
		out.Set(v)
	}
	return out
}

func hasTag(tags []types.Tag, key, value string) bool {
	for _, t := range tags {
		if aws.ToString(t.Key) == key && aws.ToString(t.Value) == value {
			return true
		}
	}
	return false
}
