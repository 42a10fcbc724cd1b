package rescue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
)

// leftovers are what rescues leave behind that no rollback meets: it is owed all the
// same, and [Finish] pays most of it.
func (d *Diagnosis) leftovers() []string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	b := d.bundle
	for _, repository := range slices.Sorted(maps.Keys(b.Frozen)) {
		add("the lifecycle policy of repository %s is frozen: nothing expires there until it is put back", repository)
	}
	for s := range b.Tree.All() {
		for _, r := range skipped(s) {
			if r.Type != serviceType { // what a service runs is known, and compared
				add("resource %s.%s was skipped by a rollback: what it is may differ from the stack's record; look with aws cloudformation detect-stack-resource-drift --stack-name %s --logical-resource-id %s", s.Name, r.LogicalID, s.Name, r.LogicalID)
			}
		}
		for _, e := range orphans(s) {
			add("%s %s of stack %s was left behind (%s): no stack has it any more", e.Type, e.PhysicalID, s.Name, e.Status)
		}
		if s.Parent() == nil {
			if strings.Contains(s.ChangeSetID, ":changeSet/stackrescue-") {
				add("the latest update of stack %s is a rescue's own: values that it wrote into templates stay until the pipeline brings its own", s.Name)
			}
			continue
		}
		if bucket, key, err := s.TemplateObject(); err == nil && strings.HasPrefix(key[strings.LastIndexByte(key, '/')+1:], "stackrescue-") {
			add("stack %s has a template that a rescue uploaded: s3://%s/%s", s.Name, bucket, key)
		}
	}
	return out
}

// frozen finds the lifecycle policies that a run has frozen, by the folder's journal,
// and that are as it left them.
func (c *capturer) frozen(ctx context.Context) error {
	if c.o.Evidence == "" {
		return nil
	}
	journal, err := readJournal(c.o.Evidence)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no run has begun
	}
	if err != nil {
		return c.problem(ctx, "frozen lifecycle policies", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for repository, was := range frozenPolicies(journal) {
		for name, is := range c.b.Policies {
			if strings.HasSuffix(name, "/"+repository) && is == was.after && is != was.before {
				if c.b.Frozen == nil {
					c.b.Frozen = map[string]string{}
				}
				c.b.Frozen[repository] = was.before
			}
		}
	}
	return nil
}

// skipped are the resources that the latest attempt's rollbacks skipped and that
// nothing has changed since (docs/aws/cfn.md 7).
func skipped(s *cfnx.Stack) []cfnx.Resource {
	var out []cfnx.Resource
	seen := map[string]bool{}
	for _, e := range s.Events { // newest first
		if seen[e.LogicalID] || e.PhysicalID == e.StackID {
			continue
		}
		seen[e.LogicalID] = true
		if e.Reason != "Resource skipped during UpdateRollback" {
			continue
		}
		if r, ok := s.Resource(e.LogicalID); ok {
			out = append(out, r)
		}
	}
	return out
}

// orphans are what the latest operation would have deleted and could not, or was told
// to keep.
func orphans(s *cfnx.Stack) []cfnx.Event {
	var out []cfnx.Event
	seen := map[string]bool{}
	for _, e := range s.Events { // newest first
		if seen[e.PhysicalID] || e.PhysicalID == "" || e.PhysicalID == e.StackID {
			continue
		}
		seen[e.PhysicalID] = true
		if e.Status != cfntypes.ResourceStatusDeleteFailed && e.Status != cfntypes.ResourceStatusDeleteSkipped {
			continue
		}
		if !slices.ContainsFunc(s.Resources, func(r cfnx.Resource) bool { return r.PhysicalID == e.PhysicalID }) {
			out = append(out, e)
		}
	}
	return out
}
