package rescue

// begun writes into the journal what a step is about to destroy, before the
// call that does.
func (r *runner) begun(s Step, from, to string) error {
	return r.o.journal(StepResult{
		Version: 1, Plan: r.p.Hash, ID: s.ID, Kind: s.Kind, Subject: s.Subject, Outcome: outcomeBegun, Text: "undo with: " + s.Undo,
		Began: r.o.Now().UTC(), From: from, To: to,
	})
}
