package cfnx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
)

func TestDeclared(t *testing.T) {
	t.Parallel()
	stack := &cfnx.Stack{
		Name:       "web",
		Parameters: []cfnx.Parameter{{Key: "N", Value: "3"}, {Key: "Typed", Value: "/n", Resolved: "4"}, {Key: "Hidden", Value: "****"}},
		Resources:  []cfnx.Resource{{LogicalID: "S"}, {LogicalID: "Task"}},
		Template: []byte(`
Mappings: {M: {a: {b: 2}}}
Resources:
  Task: {Type: AWS::ECS::TaskDefinition}
  S:
    Type: AWS::ECS::Service
    Properties:
      Text: 2
      Empty: ""
      Parameter: !Ref N
      Typed: !Ref Typed
      Hidden: !Ref Hidden
      Resource: !Ref Task
      Long: {"Fn::GetAtt": [Task, TaskDefinitionArn]}
      Short: !GetAtt Task.TaskDefinitionArn
      Mapped: !FindInMap [M, a, b]
      Gone: !Ref AWS::NoValue
      Import: !ImportValue task
      Object: {a: 1}
`),
	}
	for property, want := range map[string]cfnx.Declared{
		"Text":      {Set: true, Known: true, Value: "2"},
		"Empty":     {Set: true, Known: true},
		"Parameter": {Set: true, Known: true, Value: "3"},
		"Typed":     {Set: true, Known: true, Value: "4"},
		"Hidden":    {Set: true},
		"Resource":  {Set: true, Resource: "Task"},
		"Long":      {Set: true, Resource: "Task"},
		"Short":     {Set: true, Resource: "Task"},
		"Mapped":    {Set: true, Known: true, Value: "2"},
		"Import":    {Set: true},
		"Object":    {Set: true},
		"Gone":      {},
		"Absent":    {},
	} {
		got, err := stack.Declared("S", property)
		require.NoError(t, err, property)
		require.Equal(t, want, got, property)
	}
	_, err := stack.Declared("Nope", "Text")
	require.ErrorContains(t, err, "Nope")
	_, err = (&cfnx.Stack{Name: "web"}).Declared("S", "Text")
	require.ErrorContains(t, err, "was not read")
	_, err = (&cfnx.Stack{Name: "web", Template: []byte("{")}).Declared("S", "Text")
	require.Error(t, err)
}
