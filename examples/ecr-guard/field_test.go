package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// site is an account for what users have reported about their registries.
type site struct {
	fixture
	api *ecr.Client
	ecs *ecs.Client
}

func newSite(t *testing.T, repositories ...string) *site {
	cloud := rescuetest.New()
	s := &site{fixture{t, cloud}, ecr.NewFromConfig(cloud.Config()), ecs.NewFromConfig(cloud.Config())}
	_, err := s.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
	require.NoError(t, err)
	for _, r := range repositories {
		_, err := s.api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &r})
		require.NoError(t, err)
	}
	return s
}

func (s *site) policy(repository string, rules ...string) {
	text := `{"rules":[` + strings.Join(rules, ",") + `]}` + strings.Repeat(" ", 100)
	_, err := s.api.PutLifecyclePolicy(s.t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: &repository, LifecyclePolicyText: &text})
	require.NoError(s.t, err)
}

// rule is one of a policy that expires.
func rule(priority int, selection string) string {
	return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":{"type":"expire"}}`, priority, selection)
}

const untaggedAfterADay = `"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1`

func (s *site) push(repository, content string, tags ...string) string {
	digest, err := s.cloud.PushImage(repository, content, rescuetest.Runs(), tags...)
	require.NoError(s.t, err)
	return digest
}

func (s *site) service(name, image string) {
	out, err := s.ecs.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &name, ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: &image}}})
	require.NoError(s.t, err)
	_, err = s.ecs.CreateService(s.t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("prod"), ServiceName: &name, TaskDefinition: out.TaskDefinition.TaskDefinitionArn, DesiredCount: aws.Int32(1),
	})
	require.NoError(s.t, err)
	s.cloud.Advance(10 * time.Minute)
}

// want runs the command: its exit code, and texts that are in what it prints.
func (s *site) want(exit int, texts []string, args ...string) string {
	s.t.Helper()
	code, out := s.run("", args...)
	require.Equal(s.t, exit, code, "%v: %s", args, out)
	for _, text := range texts {
		require.Contains(s.t, out, text, "%v", args)
	}
	return out
}

func field(t *testing.T, name string, repositories []string, fn func(*site)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { fn(newSite(t, repositories...)) })
	})
}

func TestField(t *testing.T) {
	t.Parallel()
	web := []string{"web"}
	field(t, "a tag moves away from what runs, and untagged images expire", web, func(s *site) {
		s.policy("web", rule(1, untaggedAfterADay))
		first := s.push("web", "one", "prod")
		s.service("web", s.cloud.Registry()+"/web:prod")
		s.want(0, []string{"ok"}, "check", "-service", "prod/web")
		s.push("web", "two", "prod")
		s.want(4, []string{"tag-moved", "rule 1 expires it after 20", "what runs is " + first, "pin it"}, "check", "-service", "prod/web")
		s.cloud.Advance(60 * time.Hour)
		s.want(3, []string{first + ": missing"}, "check", "-service", "prod/web")
	})
	field(t, "children of an index have no tag, and are safe while it is", web, func(s *site) {
		s.policy("web", rule(1, untaggedAfterADay))
		a, b := s.push("web", "amd"), s.push("web", "arm")
		index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":1024},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":1024}]}`, a, b)
		_, err := s.api.PutImage(s.t.Context(), &ecr.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &index, ImageTag: aws.String("v1")})
		require.NoError(s.t, err)
		h := s.cloud.Registry()
		held := []string{"/web@" + a + ": ok (rule 1 would take it, an index holds it)"}
		s.want(0, held, "check", h+"/web:v1", h+"/web@"+a)
		s.want(0, held, "check", h+"/web@"+a)
		s.cloud.Advance(72 * time.Hour)
		s.want(0, held, "check", h+"/web:v1", h+"/web@"+a)
		refs := file(s.t, h+"/web@"+a+"\n")
		s.want(0, nil, "audit", "-indexes", "-refs", refs)
		// Without the lists, nobody knows.
		s.want(4, nil, "check", "-indexes=false", h+"/web@"+a)
		// Not being allowed to read them is no answer either.
		s.cloud.Inject(simtype.Fault{Action: "ecr:BatchGetImage", Kind: simtype.Deny})
		s.want(4, []string{"an index may list it, which is not known"}, "check", h+"/web@"+a)
		// The index goes: the child is not safe any longer.
		s.cloud.Inject()
		s.policy("web", rule(1, untaggedAfterADay), rule(2, `"tagStatus":"tagged","tagPatternList":["v*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":5`))
		s.want(4, nil, "check", h+"/web@"+a, h+"/web:v1")
	})
	field(t, "an image that is not pulled is archived", web, func(s *site) {
		digest := s.push("web", "one", "v1")
		s.service("web", s.cloud.Registry()+"/web:v1")
		s.policy("web", `{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":5},"action":{"type":"transition","targetStorageClass":"archive"}}`)
		s.want(4, []string{"rule 1 archives it after"}, "check", "-service", "prod/web")
		s.cloud.Advance(8 * 24 * time.Hour)
		s.want(3, []string{"archived", "restore it: aws ecr update-image-storage-class --repository-name web --image-id imageDigest=" + digest}, "check", "-service", "prod/web")
	})
	field(t, "rules that count", web, func(s *site) {
		s.policy("web", rule(1, `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":12`))
		s.push("web", "old", "v1")
		for i := range 5 { // one in four days
			time.Sleep(4 * 24 * time.Hour)
			s.push("web", fmt.Sprint("n", i), fmt.Sprint("pr-", i))
		}
		ref := s.cloud.Registry() + "/web:v1"
		s.want(0, []string{"rule 1 expires it in 7 pushes, at 0.25 a day"}, "check", ref)
		s.want(4, nil, "check", "-pushes", "7", ref)
		s.want(0, nil, "check", "-pushes", "6", ref)
		s.want(4, nil, "check", "-window", "700h", ref)
		s.want(0, nil, "check", "-window", "700h", "-pushes", "-1", ref)
		for i := range 5 { // five on one day
			s.push("web", fmt.Sprint("m", i), fmt.Sprint("pr-", 10+i))
		}
		s.want(4, []string{"in 2 pushes"}, "check", ref)
		s.want(4, nil, "audit", "-refs", file(s.t, ref))
		s.want(0, nil, "audit", "-pushes", "1", "-refs", file(s.t, ref))
	})
	field(t, "kinds of references", web, func(s *site) {
		d, h := s.push("web", "one", "v1"), s.cloud.Registry()
		account := strings.SplitN(h, ".", 2)[0]
		out := s.want(3, nil, "check", h+"/web@"+d, h+"/web:v1@"+d, h+"/web:gone@"+d, h+"/web", h+"/none:1", "public.ecr.aws/nginx/nginx:1.27", "nginx", "ghcr.io/a/b@"+d,
			account+".dkr-ecr.us-east-1.on.aws/web:v1", account+".dkr.ecr-fips.us-east-1.amazonaws.com/web:v1")
		for _, text := range []string{
			"/web@" + d + ": ok", "/web:v1@" + d + ": ok", "/web:gone@" + d + ": tag-moved: the tag is gone", "/web:latest: missing", "/none:1: missing-repository",
			"public.ecr.aws/nginx/nginx:1.27: external", "nginx:latest: external", "on.aws/web:v1: ok", "ecr-fips.us-east-1.amazonaws.com/web:v1: ok",
		} {
			require.Contains(s.t, out, text)
		}
	})
	field(t, "functions", []string{"fn"}, func(s *site) {
		d, h := s.push("fn", "one", "v1"), s.cloud.Registry()
		got := `{"Configuration":{"FunctionName":"a","FunctionArn":"arn:a","PackageType":"Image"},"Code":{"RepositoryType":"ECR","ImageUri":"` + h + `/fn:v1","ResolvedImageUri":"` + h + `/fn@` + d + `"}}`
		zip := `{"Configuration":{"FunctionName":"z","PackageType":"Zip"},"Code":{"RepositoryType":"S3","Location":"https://x"}}`
		s.want(0, []string{"needed by function arn:a"}, "check", "-lambda", file(s.t, got+zip))
		s.want(0, []string{"no image is needed"}, "check", "-lambda", file(s.t, zip))
		for _, blind := range []string{
			`{"Functions":[{"FunctionName":"a","PackageType":"Image"},{"FunctionName":"z","PackageType":"Zip"}]}`,
			`{"FunctionName":"a","FunctionArn":"arn:a","PackageType":"Image"}`,
			`{"Configuration":{"FunctionName":"a","PackageType":"Image"}}`,
		} {
			s.want(5, []string{"its image is not told here", "aws lambda get-function"}, "check", "-lambda", file(s.t, blind))
			s.want(5, nil, "check", "-lambda", file(s.t, blind), h+"/fn:v1")
			s.want(5, nil, "audit", "-lambda", file(s.t, blind))
			s.want(5, nil, "pin", "-apply", "-lambda", file(s.t, blind), h+"/fn:v1")
		}
		for _, failed := range []string{"An error occurred (ResourceNotFoundException)", "", "{}", "null", `{"Message":"Rate exceeded","Code":{}}`} {
			s.want(1, []string{"is not what aws lambda get-function prints"}, "check", "-lambda", file(s.t, failed))
		}
		s.want(0, []string{"no image is needed"}, "check", "-lambda", file(s.t, `{"Functions":[]}`))
		s.want(5, []string{"others follow"}, "check", "-lambda", file(s.t, `{"Functions":[],"NextMarker":"eyJ"}`))
	})
	field(t, "nothing runs", web, func(s *site) {
		s.want(0, []string{"no image is needed"}, "check", "-cluster", "prod")
		s.want(0, []string{"REPOSITORY"}, "audit", "-cluster", "prod")
		s.want(2, []string{"no image is named"}, "check")
		s.want(1, []string{"is empty, as one is whose command has failed"}, "check", "-refs", file(s.t, ""))
		s.want(0, []string{"no image is needed"}, "check", "-refs", file(s.t, "# nothing yet\n"))
		s.want(3, nil, "check", "-refs", file(s.t, "# "+strings.Repeat("x", 100_000)+"\r\n"+s.cloud.Registry()+"/web:gone\r\n"))
	})
	field(t, "rules that protect nothing", web, func(s *site) {
		s.push("web", "one", "prod-1")
		for i := range 6 {
			s.push("web", fmt.Sprint("pr", i), fmt.Sprint("pr-", i))
		}
		refs := file(s.t, s.cloud.Registry()+"/web:prod-1\n")
		keep := `,"countType":"imageCountMoreThan","countNumber":9999`
		last := rule(2, `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":9`)
		s.policy("web", rule(1, `"tagStatus":"tagged","tagPatternList":["prod-*","release-*"]`+keep), rule(2, `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":3`))
		s.want(4, []string{"and-list", "the list is and, not or"}, "audit", "-refs", refs)
		for _, list := range []string{`"tagPatternList":["prod-[0-9]+"]`, `"tagPatternList":["^prod-*"]`, `"tagPrefixList":["prod*"]`} {
			s.policy("web", rule(1, `"tagStatus":"tagged",`+list+keep), last)
			s.want(4, []string{"regexp:", "ECR knows no regular expressions"}, "audit", "-pushes", "9", "-refs", refs)
		}
		s.policy("web", rule(1, `"tagStatus":"tagged","tagPrefixList":["prod"]`+keep), last)
		require.NotContains(s.t, s.want(0, nil, "audit", "-refs", refs), "regexp:")
	})
	field(t, "what may not be read", web, func(s *site) {
		s.push("web", "one", "v1")
		s.policy("web", rule(1, untaggedAfterADay))
		ref := s.cloud.Registry() + "/web:v1"
		s.cloud.Inject(simtype.Fault{Action: "ecr:GetLifecyclePolicy", Kind: simtype.Deny})
		s.want(5, []string{"headroom is not known"}, "check", ref)
		s.cloud.Inject(simtype.Fault{Action: "ecr:DescribeImages", Kind: simtype.Deny})
		s.want(5, []string{"unknown"}, "check", ref)
	})
	field(t, "deleted under a running service", web, func(s *site) {
		digest := s.push("web", "one", "v1", "v1-abc")
		s.service("web", s.cloud.Registry()+"/web:v1")
		_, err := s.api.BatchDeleteImage(s.t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("web"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}}})
		require.NoError(s.t, err)
		s.push("web", "rebuilt", "v1")
		s.want(3, []string{digest + ": missing", "the tag names"}, "check", "-service", "prod/web")
		s.want(0, nil, "check", s.cloud.Registry()+"/web:v1")
	})
	field(t, "immutable tags", []string{"locked"}, func(s *site) {
		s.push("locked", "one", "v1")
		ref := s.cloud.Registry() + "/locked:v1"
		s.want(0, []string{"pin "}, "pin", "-apply", ref)
		s.want(0, nil, "pin", "-apply", ref)
	})
}

// TestPoliciesThatAreRefused evaluates policies as people write them: what ECR
// refuses is refused, with a reason.
func TestPoliciesThatAreRefused(t *testing.T) {
	t.Parallel()
	f := fixture{t: t}
	images := file(t, `{"imageDetails":[{"imageDigest":"sha256:`+strings.Repeat("1", 64)+`","imageTags":["v1"],"imagePushedAt":"2026-01-01T00:00:00Z"}]}`)
	evaluate := func(policy string) (int, string) {
		return f.run("", "evaluate", "-policy", file(t, policy), "-images", images, "-now", "2026-11-26T00:00:00Z")
	}
	type m = map[string]any
	with := func(base m, over ...any) m {
		out := m{}
		for k, v := range base {
			out[k] = v
		}
		for i := 0; i < len(over); i += 2 {
			if out[over[i].(string)] = over[i+1]; over[i+1] == nil {
				delete(out, over[i].(string))
			}
		}
		return out
	}
	tagged := m{"tagStatus": "tagged", "tagPatternList": []string{"v*"}, "countType": "imageCountMoreThan", "countNumber": 5}
	untagged := m{"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7}
	anyOf := m{"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}
	expire, archive := m{"type": "expire"}, m{"type": "transition", "targetStorageClass": "archive"}
	one := func(priority int, selection, action m) m {
		return m{"rulePriority": priority, "selection": selection, "action": action}
	}
	policy := func(rules ...m) string {
		b, err := json.Marshal(m{"rules": rules})
		require.NoError(t, err)
		return string(b)
	}
	var many []m
	for i := range 51 {
		many = append(many, one(i+1, with(tagged, "tagPatternList", []string{fmt.Sprintf("a%d*", i)}), expire))
	}
	for name, text := range map[string]string{
		"null storage class":          policy(one(1, tagged, m{"type": "expire", "targetStorageClass": nil})),
		"unit with a count":           policy(one(1, with(untagged, "countType", "imageCountMoreThan"), expire)),
		"five wildcards":              policy(one(1, with(tagged, "tagPatternList", []string{"*a*b*c*d*e"}), expire)),
		"pulled and expire":           policy(one(1, with(anyOf, "countType", "sinceImagePulled", "countUnit", "days"), expire)),
		"transition to nowhere":       policy(one(1, anyOf, m{"type": "transition"})),
		"number as text":              policy(one(1, with(anyOf, "countNumber", "10"), expire)),
		"number 0":                    policy(one(1, with(anyOf, "countNumber", 0), expire)),
		"number 1.5":                  policy(one(1, with(anyOf, "countNumber", 1.5), expire)),
		"priority 0":                  policy(one(0, anyOf, expire)),
		"any is not last":             policy(one(1, anyOf, expire), one(2, tagged, expire)),
		"two for untagged":            policy(one(1, untagged, expire), one(2, with(untagged, "countNumber", 9), expire)),
		"one priority twice":          policy(one(1, untagged, expire), one(1, tagged, expire)),
		"empty prefixes":              policy(one(1, with(tagged, "tagPatternList", nil, "tagPrefixList", []string{}), expire)),
		"both lists":                  policy(one(1, with(tagged, "tagPrefixList", []string{"a"}), expire)),
		"upper case":                  policy(one(1, with(tagged, "tagStatus", "TAGGED"), expire)),
		"patterns for untagged":       policy(one(1, with(untagged, "tagPatternList", []string{"x"}), expire)),
		"a comment":                   policy(with(one(1, anyOf, expire), "comment", "x")),
		"hours":                       policy(one(1, with(untagged, "countUnit", "hours"), expire)),
		"archived for too short":      policy(one(1, m{"tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 30}, expire)),
		"upper-case class":            policy(one(1, m{"tagStatus": "any", "storageClass": "ARCHIVE", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 90}, expire)),
		"archive by pushes":           policy(one(1, with(anyOf, "storageClass", "archive"), expire)),
		"no rules":                    policy(),
		"51 rules":                    policy(many...),
		"one prefix in two rules":     policy(one(1, with(tagged, "tagPatternList", nil, "tagPrefixList", []string{"a"}), expire), one(2, with(tagged, "tagPatternList", nil, "tagPrefixList", []string{"a"}, "countNumber", 9), expire)),
		"a comma too much":            `{"rules":[],}`,
		"encoded twice":               fmt.Sprintf("%q", fmt.Sprintf("%q", policy(one(1, anyOf, expire)))),
		"the answer for another call": `{"registryId":"1","repositoryName":"x"}`,
	} {
		code, out := evaluate(text)
		require.Equal(t, 1, code, "%s: %s", name, out)
		require.Contains(t, out, "lifecycle policy", name)
	}
	for name, text := range map[string]string{
		"four wildcards":          policy(one(1, with(tagged, "tagPatternList", []string{"*a*b*c*d"}), expire)),
		"pulled and archived":     policy(one(1, with(anyOf, "countType", "sinceImagePulled", "countUnit", "days"), archive)),
		"get-lifecycle-policy's":  fmt.Sprintf(`{"registryId":"1","repositoryName":"x","lifecyclePolicyText":%q,"lastEvaluatedAt":0}`, policy(one(1, anyOf, expire))),
		"a pattern like a regexp": policy(one(1, with(tagged, "tagPatternList", []string{"v[0-9]+"}), expire)),
		"patterns that exclude":   policy(one(1, with(tagged, "tagPatternList", []string{"dev-*", "prod-*"}), expire)),
		"a question mark":         policy(one(1, with(tagged, "tagPatternList", []string{"prod-?"}), expire)),
	} {
		code, out := evaluate(text)
		require.Zero(t, code, "%s: %s", name, out)
	}
}
