package simtype

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Switches are the behaviours of AWS that neither documentation nor a
// recording settles. Each field names what is known and its values; the first
// of them, which "" means too, is what seems most likely. A rescue must work
// under every value.
type Switches struct {
	// OutputsAfterSkip is what becomes of a stack's Outputs that depend on a
	// skipped resource when its rollback completes (docs/aws/cfn.md 1.7, 6.3).
	//
	// "kept": all stay as before the update. "dropped": those that read a
	// skipped resource vanish. "stale": they keep the failed update's values.
	// "child-dropped": every output of a child stack with a skip vanishes, the
	// root's stay.
	OutputsAfterSkip string `values:"kept dropped stale child-dropped"`
	// RollbackDigest is whether a deployment of an old task definition revision
	// resolves its tags again or reuses the digests recorded for that revision
	// (docs/aws/cfn.md 5.2, 6.8).
	//
	// "resolved-again" or "recorded".
	RollbackDigest string `values:"resolved-again recorded"`
	// ForceRollback is what ContinueUpdateRollback makes of its ForceRollback
	// field (docs/aws/cfn.md 0, 6.1).
	//
	// "failed-and-failing": also what fails during the continuation is skipped.
	// "failed-only": only what was UPDATE_FAILED when it began. "unknown": the
	// endpoint rejects the field.
	ForceRollback string `values:"failed-and-failing failed-only unknown"`
	// SkipValidation is how strictly ResourcesToSkip is checked
	// (docs/aws/cfn.md 0, 6.2).
	//
	// "strict" refuses entries that did not fail in the rollback, "relaxed" takes
	// any resource that exists.
	SkipValidation string `values:"strict relaxed"`
	// LogDelay is how long after a container's line the log service shows it,
	// stream included (docs/aws/ecs.md 1.6: up to the driver's back-off of 32 s).
	LogDelay time.Duration
	// StaleReads is how many DescribeStacks (and DescribeServices) calls after
	// a mutation still show what was before it (docs/aws/cfn.md 1.14.2).
	StaleReads int
	// StoppedTaskRetention is how long a stopped task can be described:
	// "at least one hour" (docs/aws/ecs.md 1.1). 0 means exactly one hour.
	StoppedTaskRetention time.Duration
	// SameTemplateURL is whether a nested stack whose TemplateURL did not change
	// is fetched and compared again by an update of its parent.
	//
	// "fetched-again" or "not-fetched".
	SameTemplateURL string `values:"fetched-again not-fetched"`
	// DesiredCount is whether an update that changes another property of an ECS
	// service sends the template's DesiredCount too and so resets a scaled one.
	//
	// "when-changed": only when its own value in the template changed. "always".
	DesiredCount string `values:"when-changed always"`
	// NoDifferenceAfterSkip is whether an update that sets a skipped resource to
	// the properties recorded in the template sees no difference and leaves it
	// alone (the record), or compares with what the resource was last given.
	//
	// "to-record" or "to-last-sent".
	NoDifferenceAfterSkip string `values:"to-record to-last-sent"`
	// NestedChangeSets is whether nested change sets report static-looking
	// replacements of siblings whose inputs are not known yet.
	//
	// "exact" or "false-replacement".
	NestedChangeSets string `values:"exact false-replacement"`
	// CleanUp is whether a rollback's clean-up deregisters the task definition
	// revision that the failed update made.
	//
	// "deregisters" or "keeps".
	CleanUp string `values:"deregisters keeps"`
	// DisableRollbackReplacement is whether an update with DisableRollback may
	// replace resources (aws/aws-cdk#30546).
	//
	// "refused" or "allowed".
	DisableRollbackReplacement string `values:"refused allowed"`
	// ExecutedChangeSet is how long an executed change set and its template can
	// be read: recorded by ARN, nobody says for how long (docs/aws/cfn.md 8.2).
	//
	// "by-arn": for ever, by name not. "by-name": by name too. "gone" when the
	// execution ends.
	ExecutedChangeSet string `values:"by-arn by-name gone"`
	// ExitAfterRunning is whether a task that reached RUNNING and then exits by
	// itself is a failed task for the circuit breaker (docs/aws/ecs.md 2.3: the documentation's list lacks it, users saw it count).
	//
	// "until-healthy": until the task has counted as healthy, which takes 40 s
	// without health checks. "never". "always".
	ExitAfterRunning string `values:"until-healthy never always"`
	// RollingTimeout is when CloudFormation gives up on an ECS service's rolling
	// update that does not settle: three hours were observed in 2021, the
	// registry's schema says 36 (docs/aws/cfn.md 8.1).
	//
	// "3h" or "36h".
	RollingTimeout string `values:"3h 36h"`
	// LockedShows is which template, parameters and outputs a stack shows while
	// its rollback runs or has failed. Afterwards it shows the previous ones.
	//
	// "previous" or "attempted".
	LockedShows string `values:"previous attempted"`
	// DeploymentConfiguration is whether an update that changes another property
	// of an ECS service sends the template's DeploymentConfiguration too.
	//
	// "always" or "when-changed".
	DeploymentConfiguration string `values:"always when-changed"`
	// SkippedReplacement is which side of a resource that the update replaced and
	// the rollback skipped the clean-up deletes; the other stays in the stack.
	//
	// "old" or "new".
	SkippedReplacement string `values:"old new"`
	// SSMAtRollback is what a parameter of an SSM type stands for in a rollback:
	// the value of the last good update, or the store's of the moment.
	//
	// "previous" or "resolved-again".
	SSMAtRollback string `values:"previous resolved-again"`
	// DynamicAtRollback is the same for dynamic references, {{resolve:…}}.
	//
	// "resolved-again" or "recorded".
	DynamicAtRollback string `values:"resolved-again recorded"`
	// ChildLockedAlone is what becomes of a nested stack that was updated directly
	// and is UPDATE_ROLLBACK_FAILED, when its root is updated: "would need AWS
	// intervention" is all that is public (docs/aws/cfn.md 1.2).
	//
	// "refuses": the root's update fails and rolls back, the child stays.
	// "draws-in": the root's rollback fails with it, so that a continue of the root
	// reaches it. "not-visited": the root's update passes it by while its
	// properties stay the same, else it refuses. "continues": it can be continued
	// directly.
	ChildLockedAlone string `values:"refuses draws-in not-visited continues"`
	// PublicImages is whether images of registries outside the account exist
	// unless the cloud's RemoveImage took them away, or only those that were
	// added.
	//
	// "exist" or "unknown".
	PublicImages string `values:"exist unknown"`
	// CloudFormationBurst is how many calls CloudFormation's rate limits let through
	// at once: the rates are published, the bursts are not (docs/aws/cfn.md 8.6). 0
	// means 10; 1 lets one second's calls through.
	CloudFormationBurst int
	// TaskLag is how long after its start a task is listed but MISSING when it is
	// described (docs/aws/ecs.md 1.1).
	TaskLag time.Duration
	// NestedSiblings is where the nested stacks that rolled back well stay while
	// a sibling's rollback failed: waiting for the clean-up that only the root
	// starts, as the user guide says of nested stacks that are stuck
	// (docs/aws/cfn.md 1.2, "Nested trouble"), or in UPDATE_ROLLBACK_COMPLETE.
	//
	// "wait-for-clean-up" in UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS, or
	// "clean-up" on to UPDATE_ROLLBACK_COMPLETE.
	NestedSiblings string `values:"wait-for-clean-up clean-up"`
	// StopTerminal is what StopServiceDeployment says of a deployment that is over:
	// the error is modelled, its case is not documented (docs/aws/ecs.md 2.1).
	//
	// "conflict": ConflictException. "invalid": InvalidParameterException.
	// "accepted": success, and nothing happens.
	StopTerminal string `values:"conflict invalid accepted"`
	// RolloutState is whether DescribeServices gives the deployments of a service
	// with a strategy other than ROLLING a rolloutState: the API's text says no,
	// users saw it (docs/aws/ecs.md 1.3).
	//
	// "present" or "absent".
	RolloutState string `values:"present absent"`
	// FailedLag is how long after a deployment has failed DescribeServices shows
	// it: once it was IN_PROGRESS while its rollback ran already.
	//
	// "none" or "2m".
	FailedLag string `values:"none 2m"`
	// BackOff is how much later the service scheduler tries again when tasks do not
	// start: fitted to one timeline that was seen, or up to the 27 minutes of the
	// documentation, whose steps are not known.
	//
	// "15m": 4 minutes, doubled up to 15. "27m": after the third round 30 seconds,
	// doubled up to 27 minutes.
	BackOff string `values:"15m 27m"`
	// ChildTemplateAtRollback is whether the rollback of a nested stack needs the
	// object that its old TemplateURL names.
	//
	// "stored": CloudFormation has a copy. "read-again": the rollback fails when
	// the object is gone.
	ChildTemplateAtRollback string `values:"stored read-again"`
	// EventsOfChildren is whether DescribeEvents by a root's operation id lists the
	// events of its nested stacks too: a nested stack's update is an operation of
	// its own (API reference, DescribeEvents).
	//
	// "separate" or "listed".
	EventsOfChildren string `values:"separate listed"`
	// FailedValidation is where an update ends that fails its validation before the
	// first resource: "the stack status reflects the validation failure" is all that
	// is public (docs/aws/cfn.md 8.4).
	//
	// "rolls-back" to UPDATE_ROLLBACK_COMPLETE, or "fails" in UPDATE_FAILED.
	FailedValidation string `values:"rolls-back fails"`
	// UnusedLayers is what becomes of the layers that only an image had which was
	// deleted. Nothing public says when ECR drops them.
	//
	// "kept": PutImage of the same manifest needs no layer. "gone": they go with it.
	UnusedLayers string `values:"kept gone"`
}

// Set sets a switch by its field's name, from text: a value that the field
// lists, a number, or a duration such as "32s". It returns an error that lists
// what there is if the name or the value is unknown.
func (s *Switches) Set(name, value string) error {
	f, ok := reflect.TypeFor[Switches]().FieldByName(name)
	if !ok {
		return fmt.Errorf("no switch %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(s.Values())), ", "))
	}
	v := reflect.ValueOf(s).Elem().FieldByName(name)
	switch v.Interface().(type) {
	case string:
		if !slices.Contains(values(f), value) {
			return fmt.Errorf("switch %s has no value %q: there are %s", name, value, strings.Join(values(f), ", "))
		}
		v.SetString(value)
	case time.Duration:
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("switch %s: %w", name, err)
		}
		v.SetInt(int64(d))
	default:
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("switch %s: %w", name, err)
		}
		v.SetInt(int64(n))
	}
	return nil
}

// Complete gives every switch that is "" its first value, and returns an error
// if one has a value that it does not list.
func (s *Switches) Complete() error {
	for f, v := range reflect.ValueOf(s).Elem().Fields() {
		if f.Type.Kind() != reflect.String {
			continue
		}
		if v.String() == "" {
			v.SetString(values(f)[0])
		}
		if err := s.Set(f.Name, v.String()); err != nil {
			return err
		}
	}
	return nil
}

// Values lists the values of every switch by its field's name, the default first; nil
// for a number or a duration. It does not depend on s, which may be nil.
func (s *Switches) Values() map[string][]string {
	all := map[string][]string{}
	for f := range reflect.TypeFor[Switches]().Fields() {
		all[f.Name] = values(f)
	}
	return all
}

func values(f reflect.StructField) []string { return strings.Fields(f.Tag.Get("values")) }
