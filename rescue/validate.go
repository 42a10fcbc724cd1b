package rescue

import (
	"fmt"
	"slices"

	"github.com/stackrescue/stackrescue/ecrx"
)

// planVersion is the version of a plan's format that this package writes and
// runs.
const planVersion = 3

// validate checks the whole plan before its first step: a plan may have come
// through a file.
func (p *Plan) validate() error {
	if p.Version != planVersion {
		return fmt.Errorf("%w: version %d, this program runs %d", ErrPlan, p.Version, planVersion)
	}
	if p.StackID == "" || p.Fingerprint == "" {
		return fmt.Errorf("%w: it names no stack or no situation", ErrPlan)
	}
	if fingerprint(p.Facts) != p.Fingerprint {
		return fmt.Errorf("%w: its fingerprint is not that of its facts", ErrPlan)
	}
	var ids []string
	for i, s := range p.Steps {
		if s.ID == "" || slices.Contains(ids, s.ID) {
			return fmt.Errorf("%w: step %d: the id %q is empty or used twice", ErrPlan, i+1, s.ID)
		}
		ids = append(ids, s.ID)
		if err := s.validate(); err != nil {
			return fmt.Errorf("%w: step %s: %w", ErrPlan, s.ID, err)
		}
	}
	if h := p.hash(); h == "" || h != p.Hash {
		return fmt.Errorf("%w: it was edited after it was made", ErrPlan)
	}
	return nil
}

func (s *Step) validate() error {
	missing := false
	switch s.Kind {
	case kindFreeze:
		missing = s.Freeze == nil || s.Freeze.Frozen == nil
	case kindStamp:
		missing = s.Stamp == nil || s.Stamp.Container == "" || len(s.Stamp.Tool.Stamp) == 0 || len(s.Stamp.Tool.Heads) == 0 || len(s.Stamp.Tool.Current) == 0
	case kindMigrate:
		missing = s.Migrate == nil || s.Migrate.Container == "" || len(s.Migrate.Run) == 0
	case kindRedeploy:
		missing = s.Redeploy == nil || s.Redeploy.From == "" || s.Redeploy.Service.Name == "" || s.Redeploy.Rendered != nil && !s.Redeploy.Rendered.complete()
	case kindRestore:
		missing = s.Restore == nil || len(s.Restore.Images) == 0 || !all(s.Restore.Images, func(x restoredImage) bool {
			return x.Image.Private() && x.Image.Digest != "" && (x.Image.Tag != "" || !x.Tag)
		})
	case kindStandIn:
		missing = s.StandIn == nil || s.StandIn.Revision == "" || s.StandIn.Service.Name == "" || len(s.StandIn.Tags) == 0 || !all(s.StandIn.Tags, func(t ecrx.Image) bool { return t.Private() && t.Tag != "" && t.Digest != "" })
	case kindProof:
		missing = !s.Proof.complete()
	case kindShield:
		missing = s.Shield == nil || len(s.Shield.Resources) == 0 || !all(s.Shield.Resources, shieldable)
	case kindUnlock:
		missing = s.Unlock == nil
	case kindImport:
		missing = s.Import == nil || len(s.Import.Resources) == 0
	case kindSavepoint:
		missing = s.Savepoint == nil
	case kindVerify:
	default:
		return fmt.Errorf("unknown kind %q", s.Kind)
	}
	if missing {
		return fmt.Errorf("what a step of kind %s needs is not in it", s.Kind)
	}
	if s.Limited && s.Takes <= 0 || s.RoleARN != "" && !s.changesStack() {
		return fmt.Errorf("a step of kind %s has no such limit or role", s.Kind)
	}
	if s.Risk != riskOf[s.Kind] {
		return fmt.Errorf("its risk is %s and not %q", riskOf[s.Kind], s.Risk)
	}
	if !slices.Equal(s.Actions, s.actions()) {
		return fmt.Errorf("its actions are not those of its kind")
	}
	return nil
}

// riskOf is how much a step of a kind can cost: it follows from the kind,
// whatever a file says.
var riskOf = map[Kind]Risk{
	kindFreeze: riskReversible, kindStamp: riskDatabase, kindMigrate: riskDatabase, kindRedeploy: riskService,
	kindRestore: riskReversible, kindStandIn: riskService, kindProof: riskService, kindShield: riskReversible, kindUnlock: riskIrreversible, kindImport: riskReversible, kindSavepoint: riskService, kindVerify: riskNone,
}

// all reports whether each of a list is as wanted.
func all[T any](list []T, wanted func(T) bool) bool {
	return !slices.ContainsFunc(list, func(x T) bool { return !wanted(x) })
}

// actions are those of the step's kind, what the resources of a shield need, and
// what giving the stack a role needs.
func (s *Step) actions() []string {
	if s.Kind == kindShield && s.Shield != nil {
		return s.Shield.actions()
	}
	if s.Kind == kindProof && s.Proof != nil {
		return s.Proof.actions()
	}
	all := actionsOf(s.Kind)
	if s.Redeploy != nil && s.Redeploy.Rendered != nil {
		all = append(all, reading...)
	}
	if s.Kind == kindRestore && s.Restore != nil {
		all = append(all, s.Restore.actions()...)
	}
	if s.RoleARN != "" {
		// A role that the stack has already needs none (docs/aws/cfn.md 8.11).
		all = append(all, "iam:PassRole")
	}
	return all
}

// changesStack reports whether the step is an operation on the stack.
func (s *Step) changesStack() bool {
	return s.Kind == kindUnlock || s.Kind == kindImport || s.Kind == kindSavepoint
}

// actionsOf are the operations that a step of a kind may use and no others.
func actionsOf(k Kind) []string {
	switch k {
	case kindFreeze:
		return []string{"ecr:DescribeImages", "ecr:GetLifecyclePolicy", "ecr:PutLifecyclePolicy", "ecr:DeleteLifecyclePolicy"}
	case kindStamp:
		return []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:ListTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"}
	case kindMigrate:
		return []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"}
	case kindRedeploy:
		return []string{"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService", "ecs:DescribeServiceDeployments", "ecs:ListTasks", "ecs:DescribeTasks", "ecr:DescribeImages", "iam:PassRole"}
	case kindUnlock:
		return []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:DescribeChangeSet", "s3:GetObject", "cloudformation:ContinueUpdateRollback", "ecs:DescribeServices", "ecs:DescribeTaskDefinition"}
	case kindRestore:
		return []string{"ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage", "ecr:UpdateImageStorageClass"}
	case kindStandIn:
		return []string{"ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage", "ecs:DescribeServices", "ecs:UpdateService", "ecs:DescribeServiceDeployments", "ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeTaskDefinition"}
	case kindProof:
		return append(actionsOf(kindRedeploy), append([]string{"ecs:RunTask", "ecs:StopTask"}, reading...)...)
	case kindImport:
		return []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet", "s3:GetObject", "s3:PutObject"}
	case kindSavepoint:
		return []string{"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:ListStackResources", "cloudformation:GetTemplate", "cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet", "s3:GetObject", "s3:PutObject", "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecr:DescribeImages", "secretsmanager:DescribeSecret"}
	case kindVerify:
		return ReadActions()
	}
	return nil
}
