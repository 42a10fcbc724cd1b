package cfnsim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// identifiers are the properties by which a resource that exists is named in an
// import, by type; all of them are what Ref returns.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
var identifiers = map[string]string{
	"AWS::DynamoDB::Table":                      "TableName",
	"AWS::RDS::DBInstance":                      "DBInstanceIdentifier",
	"AWS::RDS::DBCluster":                       "DBClusterIdentifier",
	"AWS::S3::Bucket":                           "BucketName",
	"AWS::ECR::Repository":                      "RepositoryName",
	"AWS::EC2::Instance":                        "InstanceId",
	"AWS::ElasticLoadBalancingV2::LoadBalancer": "LoadBalancerArn",
	"AWS::SQS::Queue":                           "QueueUrl",
	"AWS::Logs::LogGroup":                       "LogGroupName",
	"AWS::SecretsManager::Secret":               "Id",
}

// outside remembers a resource that left its stack without being deleted.
func (s *Service) outside(i incarnation) {
	if i.physical != "" && i.child == nil {
		s.left[i.typ+" "+i.physical] = i
	}
}

// Protect sets or takes off the deletion protection of a resource that a stack
// made, as its own service's API does. It reports whether there is such a
// resource, and must be called inside the clock's Do.
func (s *Service) Protect(physical string, on bool) bool {
	found := slices.ContainsFunc(s.stacks, func(st *stack) bool {
		is := slices.ContainsFunc(st.garbage, func(g discarded) bool { return g.physical == physical })
		st.each(func(r *resource) { is = is || r.physical == physical })
		return is && st.live()
	})
	for _, i := range s.left {
		found = found || i.physical == physical
	}
	if found {
		s.protected[physical] = on
	}
	return found
}

// importable checks what an import asks for (docs/aws/cfn.md 8.10); the texts are
// those that users report.
func (d *definition) importable(asked []types.ResourceToImport) error {
	if len(asked) == 0 {
		return invalid("ResourcesToImport must be provided for IMPORT change set type.")
	}
	var bare []string
	for _, x := range asked {
		decl, ok := d.t.resource(str(x.LogicalResourceId))
		if !ok {
			return invalidf("Template does not contain resources to import: [%s]", str(x.LogicalResourceId))
		}
		if decl.deletionPolicy == "" {
			bare = append(bare, decl.id)
		}
	}
	if len(bare) > 0 {
		return invalidf("Resources %v must have DeletionPolicy attribute specified in the template.", bare)
	}
	return nil
}

// imports finds what a change set of the type IMPORT takes in; nothing else may
// change.
func (cs *changeSet) imports() (string, bool) {
	var other []string
	kept := cs.changes[:0]
	for _, f := range cs.changes {
		i := slices.IndexFunc(cs.input.ResourcesToImport, func(x types.ResourceToImport) bool { return str(x.LogicalResourceId) == f.id })
		switch {
		case f.automatic:
		case i < 0 || f.action != types.ChangeActionAdd:
			other = append(other, f.id)
		default:
			x := cs.input.ResourcesToImport[i]
			physical := x.ResourceIdentifier[identifiers[f.typ]]
			if _, there := cs.st.svc.left[f.typ+" "+physical]; !there || len(x.ResourceIdentifier) != 1 {
				return "Resource of type '" + f.typ + "' with identifier '" + physical + "' was not found.", false
			}
			f.action, f.physical = types.ChangeActionImport, physical
			kept = append(kept, f)
		}
	}
	cs.changes = kept
	if len(other) > 0 {
		return "You have modified resources [" + strings.Join(other, ", ") + "] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations.", false
	}
	if cs.st.otherwise(cs.d) {
		return "As part of the import operation, you cannot modify or add [Outputs]", false
	}
	return "", true
}

// takeIn carries an import out. The resources are not changed by it.
func (s *stack) takeIn(cs *changeSet, done func(error)) {
	before := s.now
	s.updated = s.svc.world.Now()
	s.set(types.StackStatusImportInProgress, "User Initiated")
	s.svc.world.After(s.svc.Latency, func() {
		for _, f := range cs.changes {
			key := f.typ + " " + f.physical
			was, there := s.svc.left[key]
			why, due := s.svc.scripted(s, f.id, simtype.OnCreate, BeforeHandler)
			if !there && !due {
				why, due = "Resource of type '"+f.typ+"' with identifier '"+f.physical+"' was not found.", true
			}
			if due {
				s.importFailed(before, f, why, done)
				return
			}
			r := s.resource(f.decl)
			r.incarnation = was
			r.record, r.sent, r.decl = f.after, f.after, f.decl
			r.set(types.ResourceStatusImportInProgress, "Resource import started.", f.after)
			r.set(types.ResourceStatusImportComplete, "Resource import completed.", f.after)
		}
		s.svc.world.After(s.svc.Latency, func() {
			for _, f := range cs.changes {
				r := s.resources[f.id]
				r.set(types.ResourceStatusUpdateInProgress, "Apply stack-level tags to imported resource if applicable.", f.after)
				r.set(types.ResourceStatusUpdateComplete, "", f.after)
				delete(s.svc.left, f.typ+" "+f.physical)
			}
			s.now, s.stable = cs.d, cs.d
			s.ended(false)
			s.set(types.StackStatusImportComplete, "")
			notify(done, nil)
		})
	})
}

// importFailed leaves everything where it was.
func (s *stack) importFailed(before *definition, failed difference, why string, done func(error)) {
	r := s.resource(failed.decl)
	r.set(types.ResourceStatusImportFailed, why, failed.after)
	s.ended(true)
	s.begin(types.OperationTypeRollback, ptr(s.token))
	s.set(types.StackStatusImportRollbackInProgress, "The following resource(s) failed to import: ["+failed.id+"]. ")
	s.each(func(r *resource) {
		if _, declared := before.t.resource(r.id); !declared {
			s.drop(r)
		}
	})
	s.svc.world.After(s.svc.Latency, func() {
		s.ended(false)
		s.set(types.StackStatusImportRollbackComplete, "")
		notify(done, s.embedded("imported"))
	})
}

// checkImport is what CreateChangeSet says of an import at once.
func checkImport(in *cloudformation.CreateChangeSetInput, st *stack, d *definition) error {
	switch {
	case in.ChangeSetType != types.ChangeSetTypeImport && len(in.ResourcesToImport) > 0:
		return invalid("ResourcesToImport can only be specified for IMPORT change set type.")
	case in.ChangeSetType != types.ChangeSetTypeImport:
		return nil
	case st == nil: // a stack that is made by an import is not simulated
		return noStackBrackets(str(in.StackName))
	}
	return d.importable(in.ResourcesToImport)
}
