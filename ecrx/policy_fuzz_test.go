package ecrx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// FuzzParsePolicy: no text makes the parser fail in another way than by its
// error, what it accepts survives the round trip, and the simulated ECR agrees
// on what is a policy.
func FuzzParsePolicy(f *testing.F) {
	dir := filepath.Join("..", "..", "shared", "corpus", "lifecycle")
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	more, _ := filepath.Glob(filepath.Join(dir, "moto-validation", "*.json"))
	for _, name := range append(files, more...) {
		if text, err := os.ReadFile(name); err == nil {
			f.Add(string(text))
		}
	}
	for _, v := range append(documented(), derived()...) {
		f.Add(v.policy.String())
	}
	cloud := rescuetest.New(func(o *rescuetest.Options) { o.Latency = 1 })
	api := ecr.NewFromConfig(cloud.Config())
	if _, err := api.CreateRepository(f.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ecrx.ParsePolicy(text)
		_, refused := api.PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: &text})
		if (err == nil) != (refused == nil) {
			t.Fatalf("parsed: %v, simulated ECR: %v", err, refused)
		}
		if err == nil {
			roundTrip(t, text, p)
		}
	})
}
