package repatch_test

import (
	"strings"
	"testing"
	"testing/synctest"

	repatch "github.com/stackrescue/stackrescue/examples/embed/patch-template-images"
	"github.com/stackrescue/stackrescue/examples/embed/stackstub"
)

const body = "Resources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: web, Image: 'r.example/web:v1'}]}}} # one\n"

func TestImagesAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stackstub.New(body, "Task", "AWS::ECS::TaskDefinition", true)
		var log strings.Builder
		replace := map[string]string{"r.example/web:v1": "r.example/web:v2"}
		if some, err := repatch.Images(t.Context(), s.Config(), "web", replace, true, &log); err != nil || !some || s.Executed != 0 {
			t.Fatal(some, err, s.Executed)
		}
		if some, err := repatch.Images(t.Context(), s.Config(), "web", replace, false, &log); err != nil || !some || s.Executed != 1 {
			t.Fatal(some, err, s.Executed)
		}
		if want := strings.Replace(body, ":v1", ":v2", 1); s.Body != want {
			t.Error(s.Body)
		}
		if !strings.Contains(log.String(), "web.Task web: r.example/web:v1 -> r.example/web:v2 (template)") {
			t.Error(log.String())
		}
		if some, err := repatch.Images(t.Context(), s.Config(), "web", replace, false, &log); err != nil || some || s.Executed != 1 {
			t.Fatal("a second time", some, err)
		}
	})
}
