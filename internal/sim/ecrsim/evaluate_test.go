package ecrsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"
)

// The documented examples of
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
// and the derived ones of docs/aws/ecr.md 2. Images are "name age-in-days tag…".
var vectors = []struct {
	id     string
	rules  []string // "priority tagStatus:list countType:n action"
	images []string
	want   string
}{
	{"V1", []string{"1 prod* count:1", "2 beta* count:1"}, []string{"A 10 beta-1 prod-1", "B 9 beta-2 prod-2", "C 8 beta-3"}, "A1"},
	{"V2", []string{"1 beta* count:1", "2 prod* count:1"}, []string{"A 10 beta-1 prod-1", "B 9 beta-2 prod-2", "C 8 beta-3"}, "A1 B1"},
	{"V3", []string{"1 alpha*,beta* pushed:5"}, []string{"A 12 alpha-1", "B 11 beta-1", "C 10 alpha-2 beta-2", "D 4 alpha-3", "E 3 beta-3", "F 2 alpha-4 beta-4"}, "C1"},
	{"V4", []string{"1 alpha*,beta* count:1"}, []string{"A 10 alpha-1 beta-1 gamma-1", "B 9 alpha-2 beta-2", "C 8 alpha-3 beta-3 gamma-2"}, "A1 B1"},
	{"V5", []string{"1 any count:1"}, []string{"A 4 alpha-1", "B 3 beta-1", "C 2", "D 1 alpha-2"}, "A1 B1 C1"},
	{"V6", []string{"1 alpha* count:1", "2 untagged pushed:1", "3 any count:1"}, []string{"A 4 alpha-1 beta-1", "B 3", "C 2 alpha-2", "D 1 git-hash", "E 0"}, "A1 B2 D3"},
	{"D1", []string{"1 latest,main,20* pushed:3650", "2 untagged pushed:7", "3 any pushed:60"}, []string{"L 100 latest", "M 100 main", "N 100 2023-01-01", "U 100", "O 1 x"}, "U2 L3 M3 N3"},
	{"D2", []string{"1 deployed-to* count:100", "2 any pushed:30"}, []string{"P 100 deployed-to-prod release-1", "R 100 release-2", "N 1 release-3"}, "R2"},
	{"D3", []string{"1 x* count:1", "2 y* count:1"}, []string{"N 1 x-9", "M 2 x-1 y-9", "O 4 y-1"}, "M1 O2"},
	{"D4", []string{"1 sha256.* count:5", "2 untagged pushed:3", "3 any pushed:7"}, []string{"L 8 latest", "U 4"}, "U2 L3"},
	{"D5", []string{"1 dev* pushed:30"}, []string{"A 40 dev-1 prod-1"}, "A1"},
	{"D7", []string{"1 any pulled:30 transition"}, []string{"A 60 a pulled=5", "B 60 b", "C 95 c pulled=90 restored=60", "D 95 d pulled=90 restored=10"}, "C1 B1"},
	{"D8", []string{"1 any count:1"}, []string{"A 10 archived=5", "B 9"}, ""},
	{"S6", []string{"1 any pushed:30 transition", "2 any/archive transitioned:365"}, []string{"A 40", "B 500 archived=366", "C 500 archived=300"}, "A1 B2"},
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 6, 1, 12, 0, 0, 0, time.UTC)
	for _, v := range vectors {
		for _, asPrefix := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/prefix=%v", v.id, asPrefix), func(t *testing.T) {
				t.Parallel()
				p := vectorPolicy(t, v.rules, asPrefix)
				images, tags := vectorImages(t, v.images, now)
				var got []string
				for _, x := range evaluate(p, images, func(d string) []string { return tags[d] }, now) {
					got = append(got, fmt.Sprint(x.image.digest, x.rule.Priority))
				}
				require.ElementsMatch(t, strings.Fields(v.want), got)
			})
		}
	}
}

func vectorPolicy(t *testing.T, rules []string, asPrefix bool) *policy {
	t.Helper()
	var all []string
	for _, r := range rules {
		f := strings.Fields(r)
		sel := []string{}
		status, class, _ := strings.Cut(f[1], "/")
		if status != "any" && status != "untagged" {
			name := "tagPatternList"
			if asPrefix {
				name, status = "tagPrefixList", strings.ReplaceAll(status, "*", "")
			}
			sel = append(sel, fmt.Sprintf(`%q:["%s"]`, name, strings.ReplaceAll(status, ",", `","`)))
			status = "tagged"
		}
		sel = append(sel, fmt.Sprintf(`"tagStatus":%q`, status))
		if class != "" {
			sel = append(sel, fmt.Sprintf(`"storageClass":%q`, class))
		}
		kind, n, _ := strings.Cut(f[2], ":")
		switch kind {
		case "count":
			sel = append(sel, `"countType":"imageCountMoreThan"`)
		default:
			sel = append(sel, `"countUnit":"days"`, fmt.Sprintf(`"countType":"sinceImage%s%s"`, strings.ToUpper(kind[:1]), kind[1:]))
		}
		action := `{"type":"expire"}`
		if slices.Contains(f, "transition") {
			action = `{"type":"transition","targetStorageClass":"archive"}`
		}
		all = append(all, fmt.Sprintf(`{"rulePriority":%s,"selection":{%s,"countNumber":%s},"action":%s}`, f[0], strings.Join(sel, ","), n, action))
	}
	slices.Reverse(all) // the service orders them
	p, err := parsePolicy(`{"rules":[` + strings.Join(all, ",") + `]}`)
	require.NoError(t, err)
	return p
}

func vectorImages(t *testing.T, specs []string, now time.Time) ([]*image, map[string][]string) {
	t.Helper()
	ago := func(days string) time.Time {
		var n int
		_, err := fmt.Sscan(days, &n)
		require.NoError(t, err)
		return now.Add(-time.Duration(n) * 24 * time.Hour)
	}
	var images []*image
	tags := map[string][]string{}
	for n, spec := range specs {
		f := strings.Fields(spec)
		i := &image{manifest: manifest{digest: f[0]}, pushed: ago(f[1]), sequence: n, status: types.ImageStatusActive}
		for _, x := range f[2:] {
			k, v, isTime := strings.Cut(x, "=")
			switch {
			case !isTime:
				tags[f[0]] = append(tags[f[0]], x)
			case k == "pulled":
				i.pulled = ago(v)
			case k == "restored":
				i.activated = ago(v)
			case k == "archived":
				i.archived, i.status = ago(v), types.ImageStatusArchived
			}
		}
		images = append(images, i)
	}
	return images, tags
}
