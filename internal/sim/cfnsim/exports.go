package cfnsim

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// importValue is Fn::ImportValue.
func (s *Service) importValue(importer, name string) (any, error) {
	for _, st := range s.stacks {
		if st.id == importer || !st.live() {
			continue
		}
		for _, o := range st.outputs {
			if o.ExportName != nil && *o.ExportName == name {
				return str(o.OutputValue), nil
			}
		}
	}
	return nil, invalidf("No export named %s found.", name)
}

// importers are the names of the stacks that import an export.
func (s *Service) importers(name string) []string {
	var names []string
	for _, st := range s.stacks {
		if st.live() && slices.Contains(st.imports(), name) {
			names = append(names, st.name)
		}
	}
	return names
}

// imports are the exports that a stack's resources and outputs read.
func (s *stack) imports() []string {
	if s.now == nil || s.now.t == nil || s.status == types.StackStatusReviewInProgress {
		return nil
	}
	c, err := s.scope(s.now)
	if err != nil {
		return nil
	}
	var names []string
	see := func(v any) {
		visitImports(v, func(arg any) {
			if v, err := c.value(arg, 0); err == nil {
				names = append(names, text(v))
			}
		})
	}
	for _, d := range c.resources() {
		see(c.prune(mapOf(d.properties), 0))
	}
	for _, o := range c.t.outputs {
		see(c.prune(o.value, 0))
	}
	return names
}

func visitImports(v any, see func(arg any)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			visitImports(e, see)
		}
	case object:
		if arg, ok := v["Fn::ImportValue"]; ok && len(v) == 1 {
			see(arg)
			return
		}
		for _, k := range sorted(v) {
			visitImports(v[k], see)
		}
	}
}

// checkExports refuses names that another stack exports and values that
// another stack imports (docs/aws/cfn.md 1.7).
func (s *stack) checkExports(out []types.Output) error {
	for _, o := range out {
		if o.ExportName == nil {
			continue
		}
		for _, st := range s.svc.stacks {
			if st == s || !st.live() {
				continue
			}
			if slices.ContainsFunc(st.outputs, func(x types.Output) bool { return x.ExportName != nil && *x.ExportName == *o.ExportName }) {
				return errors.New("Export with name " + *o.ExportName + " is already exported by stack " + st.name)
			}
		}
	}
	for _, old := range s.outputs {
		if old.ExportName == nil {
			continue
		}
		by := s.svc.importers(*old.ExportName)
		if len(by) == 0 {
			continue
		}
		i := slices.IndexFunc(out, func(o types.Output) bool { return str(o.ExportName) == *old.ExportName })
		switch {
		case i < 0:
			return errors.New("Export " + *old.ExportName + " cannot be deleted as it is in use by " + strings.Join(by, ", "))
		case str(out[i].OutputValue) != str(old.OutputValue):
			return errors.New("Export " + *old.ExportName + " cannot be updated as it is in use by " + strings.Join(by, ", "))
		}
	}
	return nil
}

// withdrawn refuses at once to leave out an export that is in use.
func (s *stack) withdrawn(c *scope) error {
	for _, old := range s.outputs {
		if old.ExportName == nil {
			continue
		}
		stays := slices.ContainsFunc(c.t.outputs, func(d outputDecl) bool {
			return d.export != nil && c.holds(d.condition) && d.name == str(old.OutputKey)
		})
		if by := s.svc.importers(*old.ExportName); !stays && len(by) > 0 {
			return errors.New("Export " + *old.ExportName + " cannot be deleted as it is in use by " + strings.Join(by, ", "))
		}
	}
	return nil
}

// inUse says why a stack cannot be deleted: another one imports from it.
func (s *stack) inUse() string {
	for _, o := range s.outputs {
		if o.ExportName == nil {
			continue
		}
		if by := s.svc.importers(*o.ExportName); len(by) > 0 {
			return "Export " + *o.ExportName + " cannot be deleted as it is in use by " + strings.Join(by, ", ")
		}
	}
	return ""
}

// ListExports lists the exports of the region.
func (s *Service) ListExports(_ context.Context, in *cloudformation.ListExportsInput) (*cloudformation.ListExportsOutput, error) {
	var all []types.Export
	for _, st := range s.stacks {
		for _, o := range st.outputs {
			if o.ExportName != nil && st.live() {
				all = append(all, types.Export{ExportingStackId: ptr(st.id), Name: o.ExportName, Value: o.OutputValue})
			}
		}
	}
	page, next, err := cut(all, in.NextToken, 100)
	return &cloudformation.ListExportsOutput{Exports: page, NextToken: next}, err
}

// ListImports lists the stacks that import an export. That there is none is an
// error (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListImports.html).
func (s *Service) ListImports(_ context.Context, in *cloudformation.ListImportsInput) (*cloudformation.ListImportsOutput, error) {
	name := str(in.ExportName)
	by := s.importers(name)
	if len(by) == 0 {
		return nil, invalidf("Export '%s' is not imported by any stack.", name)
	}
	page, next, err := cut(by, in.NextToken, 100)
	return &cloudformation.ListImportsOutput{Imports: page, NextToken: next}, err
}
