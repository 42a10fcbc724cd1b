package ecrx_test

import (
	"os"
	"path/filepath"
	"strings"
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
	for _, text := range oddPolicies() {
		f.Add(text)
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

// oddPolicies are texts that parsers like to read differently.
func oddPolicies() []string {
	one := func(rule string) string { return `{"rules":[` + rule + `]}` }
	const selection, action = `"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":5}`, `"action":{"type":"expire"}`
	good := one(`{"rulePriority":1,` + selection + `,` + action + `}`)
	return []string{
		good + " ", good + good, "\ufeff" + good, strings.Replace(good, "rules", "Rules", 1), strings.Replace(good, ":5", ":5.0", 1), strings.Replace(good, ":5", ":5e0", 1),
		strings.Replace(good, ":5", ":3000000000", 1), strings.Replace(good, ":5", ":99999999999999999999", 1), strings.Replace(good, `"any"`, `"any","tagStatus":"untagged"`, 1),
		strings.Replace(good, `"any"`, `"any","tagPrefixList":[]`, 1), strings.Replace(good, `"any"`, `"any","tagPatternList":null`, 1), strings.Replace(good, `"any"`, `"any","storageClass":"standard"`, 1),
		strings.Replace(good, `"expire"`, `"expire","targetStorageClass":null`, 1), strings.Replace(good, "expire", "\xff", 1), strings.Replace(good, `"rulePriority"`, `"description":"ä\u003c<\u2028","rulePriority"`, 1),
		`{"rules":[]}` + strings.Repeat(" ", 100), one(strings.Repeat(`{"rulePriority":1},`, 3) + "null"), good + strings.Repeat(" ", 31000),
	}
}
