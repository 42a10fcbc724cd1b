package toolcmd_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// alembic answers as the tool does, where the database's schema is ahead of the
// tool's table. Use toolcmd.Local, or a one-off task, in its place.
func alembic() toolcmd.Command {
	recorded := "3f2a9c1d7b04"
	return func(_ context.Context, args []string) ([]string, error) {
		switch line := strings.Join(args, " "); {
		case strings.Contains(line, "current"):
			return []string{recorded}, nil
		case strings.Contains(line, "heads"):
			return []string{"8c5e1b40d2aa (head)"}, nil
		case strings.Contains(line, "stamp"):
			recorded = args[len(args)-1]
			return nil, nil
		case strings.Contains(line, "check-schema"):
			return []string{"schema is 8c5e1b40d2aa"}, nil
		default:
			return nil, &toolcmd.CommandError{Args: args, Code: 2}
		}
	}
}

// What is recorded, and what the image brings.
func ExampleInspect() {
	table, err := toolcmd.Inspect(context.Background(), alembic(), toolcmd.Alembic())
	fmt.Println(table.Revision, table.Head, table.Current(), err)
	// Output:
	// 3f2a9c1d7b04 8c5e1b40d2aa false <nil>
}

// A migration that was applied and not recorded, with the proof that it was.
func ExampleStamp() {
	out, err := toolcmd.Stamp(context.Background(), alembic(), toolcmd.Alembic(), func(o *toolcmd.StampOptions) {
		o.Verify = [][]string{{"check-schema"}}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.From, "->", out.To, out.Changed)
	// Output:
	// 3f2a9c1d7b04 -> 8c5e1b40d2aa true
}

// The tool is run as the image runs it.
func ExampleAlembic() {
	tool := toolcmd.Alembic("poetry", "run")
	table, err := toolcmd.Inspect(context.Background(), alembic(), tool)
	fmt.Println(table.Tool, table.Current(), err)
	// Output:
	// alembic false <nil>
}

// A command on this machine.
func ExampleLocal() {
	lines, err := toolcmd.Local(context.Background(), []string{"sh", "-c", "echo 8c5e1b40d2aa"})
	fmt.Println(lines, err)
	// Output:
	// [8c5e1b40d2aa] <nil>
}

// Exit code 0 is done, 1 is not yet; the last line is the version.
func ExampleProbeCommand() {
	probe := toolcmd.ProbeCommand(toolcmd.Local, []string{"sh", "-c", "echo v7; exit 1"})
	state, err := probe(context.Background())
	fmt.Println(state.Version, state.Done, err)
	// Output:
	// v7 false <nil>
}
