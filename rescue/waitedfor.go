package rescue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
)

// waitedFor is the resource that the operation under way has waited for
// longest; false when there is none. Nested stacks wait for what is in them.
func (d *Diagnosis) waitedFor() (cfnx.Event, bool) {
	var longest cfnx.Event
	for s := range d.bundle.Tree.All() {
		if !s.InProgress() {
			continue
		}
		waits := map[string]bool{}
		for _, r := range s.Resources {
			waits[r.LogicalID] = strings.HasSuffix(string(r.Status), "_IN_PROGRESS") && r.Type != nestedType
		}
		seen := map[string]bool{}
		for _, e := range s.Events { // newest first
			if !waits[e.LogicalID] || seen[e.LogicalID] {
				continue
			}
			seen[e.LogicalID] = true
			if longest.LogicalID == "" || e.Time.Before(longest.Time) {
				longest = e
			}
		}
	}
	return longest, longest.LogicalID != ""
}

// waiting is the advice while an operation is under way: what it waits for, and
// what ends the wait. An update can be cancelled, a rollback cannot; both end
// when the service they wait for is steady (docs/aws/cfn.md 1.1).
func (d *Diagnosis) waiting() string {
	advice := "wait for it to end"
	root := d.bundle.Tree.Root
	e, ok := d.waitedFor()
	if ok {
		advice += fmt.Sprintf(": it waits for %s.%s since %s", e.StackName, e.LogicalID, e.Time.UTC().Format("15:04:05 MST"))
		if s := d.service(cfnx.Failure{StackID: e.StackID, LogicalID: e.LogicalID}); s != nil {
			advice += fmt.Sprintf("; the wait ends when service %s is steady: mend what its tasks die of, or give it a revision that runs", s.Service)
		}
	}
	if root.Status == types.StackStatusUpdateInProgress {
		advice += "; or cancel the update: aws cloudformation cancel-update-stack --stack-name " + root.Name
		var back []string
		for _, f := range d.bundle.Services {
			if f.Touched && f.Back != "" && f.Back != f.Forward {
				back = append(back, short(f.Back)+" to service "+f.Service.String())
			}
		}
		if len(back) > 0 {
			advice += ", which deploys " + strings.Join(back, ", ")
		}
	}
	if slices.ContainsFunc(d.Users, func(u Users) bool { return !u.ok() && !u.blocks() }) {
		advice += "; users can be served meanwhile (direction serve)"
	}
	return advice + "; then diagnose again"
}
