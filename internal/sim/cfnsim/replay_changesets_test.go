package cfnsim

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leftOut are recorded pairs of change sets that are not replayed, and why.
var leftOut = map[string]string{
	"test_change_set_fn_split::TestChangeSetFnSplit::test_fn_split_with_get_att": "the recording shows a warning of AWS's that its own evaluator failed; not simulated",
}

// TestReplayChangeSets replays every recorded pair of change sets: create a
// stack with the first, update it with the second, delete it. The templates
// are read back from the recordings.
func TestReplayChangeSets(t *testing.T) {
	all := recordings(t)
	replayed, skipped := 0, 0
	var names []string
	for name, rec := range all {
		if rec["describe-change-set-2-prop-values"] != nil {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		rec := all[name]
		d, err := derive(rec)
		why := leftOut[name]
		if err != nil {
			why = err.Error()
		}
		if why != "" {
			skipped++
			t.Logf("left out: %s: %s", name, why)
			continue
		}
		replayed++
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { replayPair(t, rec, d) })
		})
	}
	t.Logf("replayed %d recordings of change sets, left out %d", replayed, skipped)
	assert.GreaterOrEqual(t, replayed, 60)
}

func replayPair(t *testing.T, rec map[string]any, d *derived) {
	s := newSim(t, nil)
	c := &comparison{bound: map[string]string{}}
	name, set := "my-stack", "change-set"
	check := func(key string, got any) {
		if want, ok := rec[key]; ok {
			c.value(key, want, answer(got))
		}
	}
	for i, step := range []struct {
		typ    types.ChangeSetType
		body   string
		params map[string]string
	}{
		{types.ChangeSetTypeCreate, body(d.first, d.params1), d.params1},
		{types.ChangeSetTypeUpdate, body(d.second, d.params2), d.params2},
	} {
		n := string(rune('1' + i))
		var kv []string
		for k, v := range step.params {
			kv = append(kv, k, v)
		}
		made, err := s.CreateChangeSet(s.ctx, &cloudformation.CreateChangeSetInput{StackName: &name, ChangeSetName: &set, ChangeSetType: step.typ, TemplateBody: &step.body, Parameters: pairs(kv), Capabilities: d.capabilities})
		require.NoError(t, err, step.body)
		check("create-change-set-"+n, made)
		time.Sleep(time.Minute)
		for key, values := range map[string]bool{"describe-change-set-" + n + "-prop-values": true, "describe-change-set-" + n: false} {
			out, err := s.DescribeChangeSet(s.ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: made.Id, IncludePropertyValues: &values})
			require.NoError(t, err)
			require.Equal(t, types.ChangeSetStatusCreateComplete, out.Status, str(out.StatusReason))
			check(key, out)
		}
		ran, err := s.ExecuteChangeSet(s.ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: made.Id})
		require.NoError(t, err)
		check("execute-change-set-"+n, ran)
		s.rest(name)
		check("post-create-"+n+"-describe", s.stack(name))
	}
	id := *s.stack(name).StackId
	want, _ := rec["per-resource-events"].(map[string]any)
	full := want["Stack"] == nil
	if full {
		c.value("per-resource-events", want, fullEvents(s, id))
	}
	_, err := s.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: &id})
	require.NoError(t, err)
	s.rest(id)
	check("delete-describe", s.stack(id))
	if early := len(want) > 0 && !full && !strings.Contains(fmt.Sprint(want["Stack"]), "DELETE_COMPLETE"); early {
		t.Log("events left out: they were recorded before the clean-up and trimmed another way")
	} else if !full {
		c.value("per-resource-events", want, briefEvents(s, id))
	}
	assert.Empty(t, c.diffs, strings.Join([]string{body(d.first, d.params1), body(d.second, d.params2)}, "\n"))
}

// fullEvents are the events by logical id, newest first.
func fullEvents(s *sim, id string) map[string]any {
	out := map[string]any{}
	events, err := s.DescribeStackEvents(s.ctx, &cloudformation.DescribeStackEventsInput{StackName: &id})
	require.NoError(s.t, err)
	for _, e := range events.StackEvents {
		l, _ := out[*e.LogicalResourceId].([]any)
		key := *e.LogicalResourceId
		if *e.PhysicalResourceId == id {
			key = "<stack-name:1>"
			l, _ = out[key].([]any)
		}
		out[key] = append(l, answer(e))
	}
	return out
}

// briefEvents are five members of the events, oldest first, one event for
// each run of a status and no clean-up of the stack, as the newer recordings
// keep them.
func briefEvents(s *sim, id string) map[string]any {
	out := map[string]any{}
	events, err := s.DescribeStackEvents(s.ctx, &cloudformation.DescribeStackEventsInput{StackName: &id})
	require.NoError(s.t, err)
	for i := len(events.StackEvents) - 1; i >= 0; i-- {
		m := answer(events.StackEvents[i]).(map[string]any)
		key := m["LogicalResourceId"].(string)
		if m["PhysicalResourceId"] == id {
			key = "Stack"
		}
		if strings.HasSuffix(m["ResourceStatus"].(string), "CLEANUP_IN_PROGRESS") {
			continue
		}
		brief := map[string]any{}
		for _, k := range []string{"LogicalResourceId", "PhysicalResourceId", "ResourceStatus", "ResourceType", "Timestamp"} {
			brief[k] = m[k]
		}
		l, _ := out[key].([]any)
		if n := len(l); n > 0 && l[n-1].(map[string]any)["ResourceStatus"] == brief["ResourceStatus"] {
			l = l[:n-1]
		}
		out[key] = append(l, brief)
	}
	return out
}
