package cfnx

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

// BenchmarkPatchImages changes one image of many in templates of usual and of the
// largest size.
func BenchmarkPatchImages(b *testing.B) {
	for _, n := range []int{10, 400, 3_000} {
		var text strings.Builder
		text.WriteString("Resources:\n")
		for i := range n {
			fmt.Fprintf(&text, "  Task%d:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      Family: f%d\n      ContainerDefinitions:\n        - Name: web\n          Image: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app%d:v1' # it\n          Environment: [{Name: LEVEL, Value: info}]\n", i, i, i)
		}
		body := []byte(text.String())
		b.Run(fmt.Sprintf("%dKiB", len(body)>>10), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				p, err := template.PatchImages(body, template.ByRepository(map[string]string{"app7": ":v2"}))
				if err != nil || len(p.Edits) != 1 {
					b.Fatal(err, len(p.Edits))
				}
			}
		})
	}
}
