package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
)

// A guard run over several stacks, as one report.
func ExampleGuardOf() {
	g := report.GuardOf(&rescue.GuardReport{
		Stack: "prod", Account: "123456789012", Region: "us-east-1", At: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC),
		Checks: []rescue.Check{{What: "image app:v1 exists", OK: true}, {What: "image app:v1 stays for 14 days", Unknown: true}},
	})
	fmt.Println(report.Tell(report.Input{Guard: g}).Word)
	// Output:
	// NOT KNOWN
}

// Plain lines, wrapped, with the time of each.
func ExampleNewConsole() {
	console := report.NewConsole(os.Stdout, report.ConsoleOptions{
		Width: func() int { return 60 }, Zone: time.UTC, Now: func() time.Time { return time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC) },
	})
	console.Line("stack prod: UPDATE_ROLLBACK_FAILED since 01:12, 2 services do not serve")
	fmt.Println(console.Close())
	// Output:
	// stack prod: UPDATE_ROLLBACK_FAILED since 01:12, 2 services
	//   do not serve
	// <nil>
}

func ExampleWrap() {
	fmt.Println("guard:")
	for _, line := range report.Wrap("a rollback from here would succeed for the next 14 days", "  ", 30) {
		fmt.Println(line)
	}
	// Output:
	// guard:
	// a rollback from here would
	//   succeed for the next 14 days
}

// The results of steps, as a run wrote them; a run that was killed leaves half a
// line, which is left out.
func ExampleFolder_Journal() {
	dir, err := os.MkdirTemp("", "incident")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "journal.jsonl")
	if err := os.WriteFile(file, []byte("{\"id\":\"1-freeze\",\"outcome\":\"done\"}\n{\"id\":\"2-un"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	results, err := (&report.Folder{Path: dir}).Journal()
	fmt.Println(len(results), err)
	// Output:
	// 1 <nil>
}
