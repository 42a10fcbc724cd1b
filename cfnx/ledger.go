package cfnx

import (
	"context"
	"errors"
	"fmt"

	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
)

// Ledger is what a tree of stacks was before anything was touched. It is plain
// data and survives as JSON.
type Ledger struct {
	Version int           `json:"version"`
	Stacks  []LedgerStack `json:"stacks"`
}

// LedgerStack is one stack of a [Ledger].
type LedgerStack struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	Outputs    []Output          `json:"outputs,omitempty"`
	Parameters []Parameter       `json:"parameters,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Template   []byte            `json:"template,omitempty"`
	// Importers are the stacks that import each export, by its name.
	Importers map[string][]string `json:"importers,omitempty"`
	// ImportersUnread are the exports of which it is not known who imports them.
	ImportersUnread []string `json:"importersUnread,omitempty"`
}

// Record writes down outputs, exports with their importers, parameters, tags and
// templates of the whole tree. Where importers cannot be read it returns the ledger
// with ImportersUnread, and the errors.
//
// Calls cloudformation:ListImports. Safe to repeat.
func (t *Tree) Record(ctx context.Context, api cfn.ListImportsAPIClient) (*Ledger, error) {
	if t == nil || t.Root == nil {
		return nil, errors.New("tree is empty: take a snapshot first")
	}
	l := &Ledger{Version: 1}
	var errs []error
	for s := range t.All() {
		ls := LedgerStack{ID: s.ID, Name: s.Name, Status: string(s.Status), Outputs: s.Outputs, Parameters: s.Parameters, Tags: s.Tags, Template: s.Template}
		for _, o := range s.Outputs {
			if o.Export == "" {
				continue
			}
			importers, err := imports(ctx, api, o.Export)
			if err != nil {
				errs = append(errs, fmt.Errorf("stack %s: export %s: %w", s.Name, o.Export, err))
				ls.ImportersUnread = append(ls.ImportersUnread, o.Export)
				if ctx.Err() != nil {
					return nil, errors.Join(errs...)
				}
			}
			if len(importers) > 0 {
				if ls.Importers == nil {
					ls.Importers = map[string][]string{}
				}
				ls.Importers[o.Export] = importers
			}
		}
		l.Stacks = append(l.Stacks, ls)
	}
	return l, errors.Join(errs...)
}

// imports lists who imports an export. That nobody does is an error of its own
// in CloudFormation's answer.
func imports(ctx context.Context, api cfn.ListImportsAPIClient, export string) ([]string, error) {
	var names []string
	for p := cfn.NewListImportsPaginator(api, &cfn.ListImportsInput{ExportName: &export}); p.HasMorePages(); {
		page, err := patiently(ctx, func(ctx context.Context) (*cfn.ListImportsOutput, error) { return p.NextPage(ctx) })
		if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == "ValidationError" {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, page.Imports...)
	}
	return names, nil
}

// value is what the ledger has for an output; a nil ledger has nothing.
func (l *Ledger) value(s *Stack, key string) string {
	if l == nil {
		return ""
	}
	for _, ls := range l.Stacks {
		if ls.ID != s.ID {
			continue
		}
		for _, o := range ls.Outputs {
			if o.Key == key {
				return o.Value
			}
		}
	}
	return ""
}
