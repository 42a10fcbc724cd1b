package template_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

const shop = `Parameters:
  Tag: {Type: String, Default: v1}
Resources:
  Shop:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: backend
          Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v1" # pinned
        - Name: backend-nginx
          Image: !Sub "host.example/nginx:${Tag}"
`

func ExamplePatchImages() {
	patch, err := template.PatchImages([]byte(shop), template.ByContainer(map[string]string{
		"backend":       ":v2",
		"backend-nginx": ":v2",
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range patch.Edits {
		fmt.Printf("line %d: %q -> %q\n", e.Line, e.Old, e.New)
	}
	for _, s := range patch.Unpatched {
		fmt.Println(s.Err)
		for _, p := range s.Sources {
			fmt.Printf("  %s %s has to be %s\n", p.Kind, p.Name, p.Value)
		}
	}
	// Output:
	// line 9: "v1" -> "v2"
	// template line 11: /Resources/Shop/Properties/ContainerDefinitions/1/Image: value comes from elsewhere: parameter Tag
	//   parameter Tag has to be v2
}

func ExampleFindImages() {
	found, err := template.FindImages([]byte(shop), func(o *template.Options) { o.Account, o.Region = "111122223333", "eu-west-1" })
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range found.Images {
		fmt.Println(i.Line, i.Container, i.Kind, i.Text)
	}
	// Output:
	// 9 backend sub 111122223333.dkr.ecr.eu-west-1.amazonaws.com/backend:v1
	// 11 backend-nginx sub host.example/nginx:v1
}

func ExampleSetValues() {
	patch, err := template.SetValues([]byte(shop), []template.Value{{Path: "/Parameters/Tag/Default", Value: "1.10"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(patch.Edits[0].Old, "->", patch.Edits[0].New)
	// Output:
	// v1 -> '1.10'
}

func ExampleAddEntries() {
	patch, err := template.AddEntries([]byte(shop), []template.Entry{{
		Path:  "/Outputs/SecretArn",
		Value: json.RawMessage(`{"Value": {"Ref": "Secret"}}`),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(patch.Template[len(shop):]))
	// Output:
	// Outputs:
	//   SecretArn:
	//     Value:
	//       Ref: Secret
}

// Several ways to choose a new image; the first that knows one decides.
func ExampleFirstOf() {
	patch, err := template.PatchImages([]byte(shop), template.FirstOf(
		template.ByContainer(map[string]string{"backend": ":v2"}),
		template.ByRepository(map[string]string{"nginx": ":1.27"}),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range patch.Edits {
		fmt.Printf("line %d: %q -> %q\n", e.Line, e.Old, e.New)
	}
	// Output:
	// line 9: "v1" -> "v2"
}

// Images by what they are, in whatever container.
func ExampleByRepository() {
	patch, err := template.PatchImages([]byte(shop), template.ByRepository(map[string]string{"backend": ":v3"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(patch.Edits[0].Old, "->", patch.Edits[0].New)
	// Output:
	// v1 -> v3
}

// Images by the names of their containers: a tag, a digest or a whole reference.
func ExampleByContainer() {
	change := template.ByContainer(map[string]string{"backend": ":v4"})
	patch, err := template.PatchImages([]byte(shop), change)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(patch.Edits[0].Old, "->", patch.Edits[0].New)
	// Output:
	// v1 -> v4
}

// Images by a registry that knows which exist, such as ecrx.Resolver.
func ExampleByResolver() {
	newest := func(_ context.Context, ref string) (string, error) {
		return strings.Replace(ref, "backend:v1", "backend:v5", 1), nil
	}
	patch, err := template.PatchImages([]byte(shop), template.ByResolver(context.Background(), newest),
		func(o *template.Options) { o.Account, o.Region = "111122223333", "eu-west-1" })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(patch.Edits[0].Old, "->", patch.Edits[0].New)
	// Output:
	// v1 -> v5
}

// The text of an expression, with as little of it changed as possible.
func ExampleSetText() {
	patch, err := template.SetText([]byte(shop), template.Value{
		Path: "/Resources/Shop/Properties/ContainerDefinitions/1/Image", Value: "host.example/proxy:v1",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(patch.Edits[0].Old, "->", patch.Edits[0].New)
	// Output:
	// nginx: -> proxy:
}
