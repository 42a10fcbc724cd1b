package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
)

// Whoever interrupts a step is told what AWS does without this program, whatever the
// kind of the step.
func TestWhatGoesOn(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"4-redeploy": "ECS goes on", "4-stand-in": "ECS goes on", "3-proof": "a canary goes on", "5-unlock": "goes on with the rollback",
		"6-import": "goes on with the import", "7-savepoint": "goes on with the update", "2-restore": "ECR goes on", "1-freeze": "nothing is under way", "8-verify": "nothing is under way",
	} {
		s := &settings{}
		(&screen{s: s}).began(rescue.Event{Step: step})
		require.Contains(t, s.goesOn(), want, step)
	}
}
