package rescue

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx"
)

// shielded is a resource that a rescue has protected, with the commands that did and
// that take it back, as the journal has them.
type shielded struct{ typ, physical, shield, undo string }

// shieldedIn are those of a journal whose protection was not taken off since.
func shieldedIn(journal []StepResult) []shielded {
	var out []shielded
	seen := map[string]bool{}
	for _, r := range journal {
		typ, physical, ok := strings.Cut(r.Subject, " ")
		undo, begun := strings.CutPrefix(r.Text, "undo with: ")
		switch {
		case !ok || r.Kind != kindShield || seen[r.Subject]:
		case r.Outcome == outcomeBegun && begun:
			seen[r.Subject] = true
			out = append(out, shielded{typ, physical, r.To, undo})
		}
	}
	return out
}

// unshield takes the protection off that the rescue has set, of what the stack has
// again. What it does not have is left protected, and said.
func (p *payer) unshield() error {
	journal, err := p.entries()
	if err != nil {
		return err
	}
	var errs []error
	for _, x := range shieldedIn(journal) {
		if paid(journal, x) {
			continue
		}
		d, there := p.owned(x)
		switch {
		case !there:
			p.open("%s %s was left outside of the stack by the rescue's shield, and no stack of the tree has it: import it, or delete it when nothing uses it; it stays protected: %s", x.typ, x.physical, x.undo)
		case p.f.Shield == nil:
			p.open("%s %s has the protection that the rescue has set: where the template does not want it, take it off with: %s", x.typ, x.physical, x.undo)
		default:
			if err := p.takeOff(x, d); err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", x.typ, x.physical, err))
			}
		}
	}
	return errors.Join(errs...)
}

// paid reports whether an earlier finish has taken the protection off.
func paid(journal []StepResult, x shielded) bool {
	for _, r := range journal {
		if r.Kind == kindShield && r.ID == "finish" && r.Outcome == outcomeDone && r.Subject == x.typ+" "+x.physical {
			return true
		}
	}
	return false
}

// owned is the resource as a stack of the tree has it.
func (p *payer) owned(x shielded) (cfnx.Deletion, bool) {
	for s := range p.b.Tree.All() {
		for _, r := range s.Resources {
			if r.PhysicalID == x.physical && r.Type == x.typ {
				return cfnx.Deletion{StackID: s.ID, Stack: s.Name, LogicalID: r.LogicalID, PhysicalID: r.PhysicalID, Type: r.Type, Shield: x.shield}, true
			}
		}
	}
	return cfnx.Deletion{}, false
}

func (p *payer) takeOff(x shielded, d cfnx.Deletion) error {
	if !p.f.DryRun {
		if err := p.f.Shield(p.ctx, d, false); err != nil {
			return err
		}
		if err := appendJournal(p.f.Evidence, StepResult{
			Version: 1, ID: "finish", Kind: kindShield, Subject: x.typ + " " + x.physical, Outcome: outcomeDone, Text: "the protection is taken off",
			Began: p.o.Now().UTC(), From: x.shield,
		}); err != nil {
			return err
		}
	}
	p.done("%s %s: the protection that the rescue has set is taken off", x.typ, x.physical)
	return nil
}
