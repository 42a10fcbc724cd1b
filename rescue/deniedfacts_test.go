package rescue_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// rows are which facts may become unknown, or take their weaker form, where an action
// is denied: the table of docs/architecture.md. Whatever is not in an action's row
// stays as it is. "" is no diagnosis at all.
var rows = map[string][]string{
	"cloudformation:DescribeChangeSet":   {},
	"cloudformation:DescribeStackEvents": {"attempted", "causes", "deletes", "differences", "image", "left", "others", "threats"},
	"cloudformation:DescribeStacks":      {""},
	"cloudformation:GetStackPolicy":      {},
	"cloudformation:GetTemplate":         {"attempted", "causes", "debt", "deletes", "differences", "image", "imageusers", "lost", "recorded", "situation", "threats"},
	"cloudformation:ListImports":         {},
	"cloudformation:ListStackResources":  {"attempted", "causes", "current", "debt", "deletes", "differences", "image", "imageusers", "left", "lost", "need", "others", "recorded", "serving", "situation", "threats", "users"},
	"ecr:DescribeImages":                 {"causes", "debt", "image", "imageusers", "situation", "threats"},
	"ecr:DescribeRegistry":               {},
	"ecr:GetLifecyclePolicy":             {"causes", "debt", "threats"},
	"ecs:DescribeServiceDeployments":     {},
	"ecs:DescribeServiceRevisions":       {"image"},
	"ecs:DescribeServices":               {"causes", "current", "debt", "image", "serving", "situation", "users"},
	"ecs:DescribeTaskDefinition":         {"causes", "debt", "deletes", "differences", "image", "need", "situation", "threats"},
	"ecs:DescribeTasks":                  {"causes"},
	"ecs:ListServiceDeployments":         {"image"},
	"ecs:ListTasks":                      {"causes"},
	"logs:DescribeLogGroups":             {"need"},
	"logs:FilterLogEvents":               {"causes"},
	"s3:GetObject":                       {},
	"s3:HeadObject":                      {},
	"secretsmanager:DescribeSecret":      {"causes", "debt", "need", "situation"},
	"sts:GetCallerIdentity":              {},
}

// factsByName are a diagnosis' facts, by their row and what they are of.
func factsByName(d *rescue.Diagnosis) map[string]string {
	out := map[string]string{"situation": string(d.Situation)}
	b := d.Evidence()
	for i, f := range b.Services {
		of := " " + f.Service.String()
		out["users"+of] = string(d.Users[i].State)
		out["serving"+of], out["current"+of] = f.Serving(), f.Current
		out["recorded"+of], out["attempted"+of] = f.Back, f.Forward
		for arn, diff := range f.Differences {
			out["differences"+of+" "+arn] = fmt.Sprint(diff)
		}
		for arn, uses := range f.Uses {
			out["deletes"+of+" "+arn] = fmt.Sprint(uses)
		}
	}
	for ref, i := range b.Images {
		out["image "+ref] = string(i.State)
	}
	for name, n := range b.Needs {
		out["need "+name] = fmt.Sprint(n.There, n.Unknown)
	}
	for _, t := range d.Threats {
		out["threats "+t.Repository+t.Image] = t.Rule
	}
	for _, l := range d.Lost {
		out["lost "+l.Stack+l.Key] = "lost"
	}
	for _, u := range d.ImageUsers {
		out["imageusers "+u.Name] = u.Trouble
	}
	out["causes"], out["debt"] = d.Causes.String(), strings.Join(d.Debt, "\n")
	out["others"], out["left"] = fmt.Sprint(d.Others), fmt.Sprint(d.Leftovers)
	return out
}

// weaker reports whether a fact may stand for another of which less was read: never
// another value.
func weaker(name, was, is string, known bool) bool {
	if !known {
		return true // it is not said
	}
	switch row, _, _ := strings.Cut(name, " "); row {
	case "users":
		// Without target health or the tasks a service that runs counts as serving:
		// its counts say no more.
		return is == "unknown" || was != "served" && is == "served" || was == "not-served" && is == "partly-served"
	case "situation":
		return is == "unknown" || is == "degraded" && was == "healthy" || is == "healthy" && was == "degraded"
	case "serving", "current", "recorded", "attempted", "imageusers", "lost", "threats":
		return is == ""
	case "image":
		return is == "unknown"
	case "need":
		return strings.HasSuffix(is, "true")
	case "debt", "causes":
		return subset(is, was)
	}
	return true
}

// subset reports whether every line, up to its explanation, is one of another text's.
func subset(part, whole string) bool {
	for _, l := range strings.Split(part, "\n") {
		head, _, _ := strings.Cut(l, ": ")
		if strings.TrimSpace(head) == "next" || strings.Contains(l, "Embedded stack") {
			continue // what the parent says of a nested stack that is not read
		}
		if !strings.Contains(whole, head) {
			return false
		}
	}
	return true
}

// changed compares two diagnoses and returns the rows of the facts that differ.
func changed(t *testing.T, whole, less map[string]string, say string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	all := maps.Clone(whole)
	maps.Copy(all, less)
	for name := range all {
		is, known := less[name]
		if was, had := whole[name]; known && had && is == was {
			continue
		} else if !had && (is == "" || strings.HasPrefix(name, "image ") && is == "unknown") {
			continue
		} else {
			require.True(t, weaker(name, was, is, known), "%s\n%s: was %q, is %q", say, name, was, is)
		}
		row, _, _ := strings.Cut(name, " ")
		out[row] = true
	}
	return out
}

// With one action denied exactly the facts of its row change, to unknown or to their
// weaker form, and none to another value.
func TestADeniedActionChangesItsRow(t *testing.T) {
	t.Parallel()
	n, combinations := max(sample.Count(t, 10, 3000), len(rescue.ReadActions())), 0
	seen := map[string]map[string]bool{}
	actions := slices.Sorted(slices.Values(rescue.ReadActions()))
	names := slices.Sorted(maps.Keys(rescuetest.Incidents()))
	for seed := range n {
		action := actions[seed%len(actions)]
		row, known := rows[action]
		require.True(t, known, action)
		synctest.Test(t, func(t *testing.T) {
			var is []string // each incident with each action first, then whatever comes
			if n := seed / len(actions); n < len(names) {
				is = names[n : n+1]
			}
			in, what := draw(t, uint64(seed/len(actions)+7*seed), is...)
			if in == nil {
				return
			}
			atOnce := func(o *rescue.Options) { o.Settle = -1 }
			whole, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, atOnce)
			require.NoError(t, err, what)
			combinations++
			in.Cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
			less, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, atOnce)
			say := fmt.Sprintf("%s without %s", what, action)
			if seen[action] == nil {
				seen[action] = map[string]bool{}
			}
			if err != nil {
				require.ErrorIs(t, err, rescue.ErrNoAccess, say)
				require.Contains(t, row, "", say)
				seen[action][""] = true
				return
			}
			for r := range changed(t, factsByName(whole), factsByName(less), say+"\n"+whole.String()+"\n"+less.String()) {
				if !slices.Contains(row, r) { // the whole row is compared below
					t.Errorf("%s changes %s: %s\n%s", action, r, say, less)
				}
				seen[action][r] = true
			}
			if whole.Situation != "healthy" {
				require.NotEqual(t, rescue.Situation("healthy"), less.Situation, "not with less: %s", say)
			}
		})
	}
	for _, action := range actions {
		if sample.Whole() {
			assert.Equal(t, append([]string{}, rows[action]...), append([]string{}, slices.Sorted(maps.Keys(seen[action]))...), "the row of %s", action)
		}
		t.Logf("%-36s %v", action, slices.Sorted(maps.Keys(seen[action])))
	}
	t.Logf("%d seeds, %d combinations", n, combinations)
}

// With calls that are throttled, some or all, and with deadlines, a fact is late or
// unknown, and never another.
func TestThrottlesAndDeadlinesMakeNoWrongFact(t *testing.T) {
	t.Parallel()
	n := sample.Count(t, 10, 1000)
	ends := map[string]int{}
	for seed := range n {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			in, what := draw(t, uint64(seed))
			if in == nil {
				return
			}
			atOnce := func(o *rescue.Options) { o.Settle = -1 }
			whole, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, atOnce)
			require.NoError(t, err, what)
			ctx, stop := context.WithTimeout(t.Context(), time.Hour)
			defer stop()
			say := ""
			switch actions := rescue.ReadActions(); seed % 3 {
			case 0: // one action is throttled whatever is done
				action := actions[seed/3%len(actions)]
				in.Cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Throttle})
				say = fmt.Sprintf("%s, %s throttled", what, action)
			case 1: // every few calls are
				for i := range 12 {
					in.Cloud.Inject(simtype.Fault{Nth: 1 + (seed/3+i*i*3)%50, Kind: simtype.Throttle})
				}
				say = fmt.Sprintf("%s, some calls throttled", what)
			default:
				in.Cloud.Inject(simtype.Fault{Kind: simtype.Slow, Delay: 200 * time.Millisecond})
				limit := time.Duration(200+seed*53%4000) * time.Millisecond
				late, cancel := context.WithTimeout(ctx, limit)
				defer cancel()
				ctx = late
				say = fmt.Sprintf("%s, %s for it", what, limit)
			}
			began := time.Now()
			less, err := rescue.Diagnose(ctx, in.Cloud.Config(), in.Stack, atOnce, func(o *rescue.Options) { o.Evidence = dir })
			require.Less(t, time.Since(began), 10*time.Minute, "it does not go on for ever: %s", say)
			if err != nil {
				b, berr := rescue.OpenBundle(dir)
				if berr != nil {
					ends["nothing read"]++
					return
				}
				ends["ended early"]++
				less = b.Explain()
			} else {
				ends["whole"]++
			}
			in.Cloud.ClearFaults()
			now, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack, atOnce)
			require.NoError(t, err, what)
			if !maps.Equal(factsByName(whole), factsByName(now)) {
				ends["it went on meanwhile"]++
				return
			}
			changed(t, factsByName(whole), factsByName(less), say+"\n"+whole.String()+"\n"+less.String())
		})
	}
	t.Logf("%d seeds: %v", n, ends)
}
