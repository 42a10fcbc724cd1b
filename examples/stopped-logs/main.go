// Command stopped-logs says why tasks of an ECS cluster stopped, with the lines
// their containers wrote, and keeps them in a folder before ECS forgets them.
//
//	stopped-logs -cluster NAME [-service NAME | -deployment ID | -family NAME | -task ID,…] [-dir FOLDER] [-json]
//	             [-definition REVISION,… -since TIME [-until TIME]] [-tail N] [-all] [-at-least N]
//
// With -since it also finds tasks that ECS has forgotten, by the log groups of the
// definitions. Run again with the same folder it keeps only what is new.
//
// Exit codes: 0 no task failed; 1 a call failed; 2 wrong usage; 3 tasks failed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/ecsx"
)

var (
	errUsage  = errors.New("usage: stopped-logs -cluster NAME [-service NAME | -deployment ID | -family NAME | -task ID,…] [-definition REVISION,… -since TIME [-until TIME]] [-dir FOLDER] [-json] [-tail N] [-all] [-at-least N]")
	errFailed = errors.New("tasks failed")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stopped-logs:", err)
	}
	os.Exit(exitCode(err))
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	return o.run(ctx, ecs.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), stdout)
}

// options are the program's flags.
type options struct {
	query         ecsx.Query
	dir           string
	json, all     bool
	tail, atLeast int
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("stopped-logs", flag.ContinueOnError)
	q := &o.query
	f.StringVar(&q.Cluster, "cluster", "", "name or ARN of the cluster")
	f.StringVar(&q.Service, "service", "", "tasks of this service only")
	f.StringVar(&q.Deployment, "deployment", "", "tasks of this deployment only, such as ecs-svc/123")
	f.StringVar(&q.Family, "family", "", "tasks of this family only")
	tasks := f.String("task", "", "these tasks, by id or ARN, with commas")
	definitions := f.String("definition", "", "tasks of these revisions only, with commas")
	f.Func("since", "also tasks that ECS has forgotten and that wrote since this time (RFC 3339)", at(&q.Since))
	f.Func("until", "until this time", at(&q.Until))
	f.StringVar(&o.dir, "dir", "", "keep tasks and logs in this folder")
	f.BoolVar(&o.json, "json", false, "print one JSON object for each task")
	f.BoolVar(&o.all, "all", false, "read the logs of every task, not only of the first and last of a crash loop")
	f.IntVar(&o.tail, "tail", 200, "lines to keep of each log, the newest; 0 means all")
	f.IntVar(&o.atLeast, "at-least", -1, "wait until so many have stopped; by default what is there")
	if err := f.Parse(args); err != nil || q.Cluster == "" || f.NArg() > 0 {
		return o, errUsage
	}
	q.Tasks, q.TaskDefinitions = list(*tasks), list(*definitions)
	return o, nil
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func at(t *time.Time) func(string) error {
	return func(s string) (err error) { *t, err = time.Parse(time.RFC3339, s); return err }
}

func (o options) run(ctx context.Context, api ecsx.StoppedTasksAPI, logs cloudwatchlogs.FilterLogEventsAPIClient, w io.Writer) error {
	cursor, err := o.cursor()
	if err != nil {
		return err
	}
	var seen []ecsx.StoppedTask
	err = ecsx.WaitStoppedTaskLogs(ctx, api, logs, o.query, func(t ecsx.StoppedTask) error {
		t = t.Redacted()
		if o.dir != "" {
			if err := ecsx.Folder(o.dir)(t); err != nil {
				return err
			}
		}
		if o.json {
			if err := ecsx.JSONLines(w)(t); err != nil {
				return err
			}
		}
		for i := range t.Containers {
			t.Containers[i].Log.Lines = nil // they are kept, or nobody asked
		}
		seen = append(seen, t)
		return nil
	}, func(s *ecsx.StoppedOptions) {
		s.AtLeast, s.TailLines, s.Cursor = o.atLeast, o.tail, cursor
		if o.all {
			s.EveryLog = true
		}
	})
	groups := ecsx.GroupFailures(seen)
	if !o.json {
		fmt.Fprintf(w, "%s: %d stopped\n", o.query, len(seen))
		for _, g := range groups {
			fmt.Fprintf(w, "%s\n  next: %s\n", g, g.Cause.Next)
		}
	}
	if err = errors.Join(err, o.remember(cursor)); err == nil && len(groups) > 0 {
		return errFailed
	}
	return err
}

// cursor is what an earlier run kept in the folder; without one there is none.
func (o options) cursor() (*ecsx.Cursor, error) {
	c := &ecsx.Cursor{}
	if o.dir == "" {
		return c, nil
	}
	b, err := os.ReadFile(filepath.Join(o.dir, "cursor.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(b, c)
}

func (o options) remember(c *ecsx.Cursor) error {
	if o.dir == "" || len(c.Seen) == 0 {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.dir, "cursor.json"), b, 0o600)
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errFailed):
		return 3
	}
	return 1
}
