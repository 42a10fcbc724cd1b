package template

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// benchYAML writes a template of about size bytes: task definitions of two
// containers with what usually stands around them.
func benchYAML(size int) []byte {
	var b strings.Builder
	b.WriteString("AWSTemplateFormatVersion: '2010-09-09'\nDescription: benchmark\nParameters:\n  Tag: {Type: String, Default: v1}\nResources:\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `  Task%d: # the service
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Sub "${AWS::StackName}-%d"
      Cpu: "256"
      Memory: "512"
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      ContainerDefinitions:
        - Name: backend
          Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v1"
          Environment:
            - {Name: STAGE, Value: !Ref Stage}
            - Name: LOG
              Value: info
          LogConfiguration:
            LogDriver: awslogs
            Options:
              awslogs-group: !Ref Logs
        - Name: backend-nginx
          Image: public.ecr.aws/nginx/nginx:1.25
`, i, i)
	}
	return []byte(b.String())
}

// benchJSON writes the same as JSON, indented as CDK does.
func benchJSON(size int) []byte {
	var b strings.Builder
	b.WriteString("{\n \"Resources\": {\n")
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `  "Task%d": {
   "Type": "AWS::ECS::TaskDefinition",
   "Properties": {
    "Family": {"Ref": "AWS::StackName"},
    "Cpu": "256",
    "ContainerDefinitions": [
     {
      "Name": "backend",
      "Image": {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com\/backend:v1"},
      "Environment": [{"Name": "STAGE", "Value": "caf\u00e9"}]
     },
     {
      "Name": "backend-nginx",
      "Image": "public.ecr.aws/nginx/nginx:1.25"
     }
    ]
   }
  }`, i)
	}
	b.WriteString("\n }\n}\n")
	return []byte(b.String())
}

var benchSizes = []struct {
	name string
	size int
}{{"10KB", 10 << 10}, {"200KB", 200 << 10}, {"1MB", 1 << 20}}

// BenchmarkPatchImages patches one container of every task, the proof
// included, beside one plain parse of the same text.
func BenchmarkPatchImages(b *testing.B) {
	change := ByContainer(map[string]string{"backend": ":v2"})
	for _, f := range []struct {
		format string
		text   func(int) []byte
		parse  func([]byte) error
	}{
		{"yaml", benchYAML, func(t []byte) error { var n yaml.Node; return yaml.Unmarshal(t, &n) }},
		{"json", benchJSON, func(t []byte) error { var v any; return json.Unmarshal(t, &v) }},
	} {
		for _, s := range benchSizes {
			text := f.text(s.size)
			b.Run(f.format+"/"+s.name+"/parse", func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if err := f.parse(text); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(f.format+"/"+s.name+"/find", func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := FindImages(text); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(f.format+"/"+s.name+"/patch", func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					p, err := PatchImages(text, change)
					if err != nil || len(p.Edits) == 0 {
						b.Fatal(err, p)
					}
				}
			})
		}
	}
}
