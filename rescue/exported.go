package rescue

import (
	"slices"
	"strings"
)

// exported refuses a savepoint that would change an export which another stack
// imports: the update that replaces a revision changes every export that has its
// ARN, and CloudFormation refuses that at the end of the update, after the
// deployment (docs/aws/cfn.md 1.7).
func (p *planner) exported(keep map[string]string) error {
	if p.b.Ledger == nil {
		return nil
	}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if s.Back == "" || keep[s.Service.String()] == s.Back {
			continue // the savepoint does not replace it
		}
		for _, stack := range p.b.Ledger.Stacks {
			for _, o := range stack.Outputs {
				if o.Export == "" || !strings.Contains(o.Value, s.Back) {
					continue
				}
				if slices.Contains(stack.ImportersUnread, o.Export) {
					return unknown("allow cloudformation:ListImports and diagnose again", "stack %s: export %s has the revision of service %s, which the savepoint replaces, and who imports it could not be read", stack.Name, o.Export, s.Service)
				}
				if by := stack.Importers[o.Export]; len(by) > 0 {
					return refuse("let "+strings.Join(by, ", ")+" do without the import first, or choose hold, which makes no savepoint", "stack %s: export %s has the revision of service %s, which the savepoint replaces, and is imported by %s: the update would fail after the deployment", stack.Name, o.Export, s.Service, strings.Join(by, ", "))
				}
			}
		}
	}
	return nil
}
