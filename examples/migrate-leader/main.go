// Command migrate-leader runs a database migration in exactly one replica of a
// service at a time, whatever language the service is written in, and holds
// the others until it is done.
//
//	migrate-leader run -store STORE -key NAME [flags] -- MIGRATE ARGS… [-then APP ARGS…]
//	migrate-leader check -health ADDRESS [-app URL | -- COMMAND ARGS…]
//	migrate-leader status -store STORE -key NAME
//	migrate-leader forget -store STORE -key NAME [-builds] [-apply]
//	migrate-leader task -cluster C [-service S] -task-definition FAMILY[:REV] [flags] -- COMMAND ARGS…
//	migrate-leader preflight -cluster C -service S -max-wait D [flags]
//	migrate-leader inspect -db URL [-store STORE -key NAME] [-dir DIR] [flags]
//	migrate-leader stamp -db URL -to VERSION [-dir DIR] [-check 'QUERY => VALUE']… [-apply -key NAME -reason TEXT] [flags]
//	migrate-leader inspect|stamp [-apply [-store STORE -key NAME]] [-verify CMD]… -- PREFIX…
//	migrate-leader end-session -db URL -session ID [-apply]
//	migrate-leader -demo
//
// STORE is file:DIR (one machine), dynamodb:TABLE, postgres:URL,
// postgres-session:URL or mysql:URL; a URL may be env:NAME, for a variable that
// holds a secret. URL is what a framework has in DATABASE_URL, or the JSON of an
// RDS secret. run becomes APP when the migration is verified; check is for the
// container's health check, and asks run while it waits and APP afterwards.
// status prints the store's record, and forget clears a failure in it that keeps
// replicas from trying.
//
// task runs COMMAND as a one-off ECS task before the service is updated, prints
// its log, and ends as it does. Where COMMAND is a run with -handback, it has
// to hand back a verified state as well. A pipeline's step that is run again
// waits for the task in flight. preflight tells what would end a replica of a
// service that waits, or a leader before it handed over.
//
// inspect says which migration tool's table the database has, at which version,
// and whether it is stuck or at work; end-session ends a session that holds the
// tool's lock and does nothing; stamp records a migration that was applied and
// not recorded, for golang-migrate, goose, Alembic, Rails and Django. Both are
// dry runs without -apply. Without -db they let
// Alembic's own command do it; PREFIX is what comes before the word alembic,
// such as "poetry run". With -handback they print for the verb task, which runs
// them where the database can be reached and prints the result.
//
// Exit codes: 0 done; that of MIGRATE, where it failed here; 126 and 127 MIGRATE
// or APP cannot be run; 1 anything else; 2 wrong usage; 3 the migration failed
// elsewhere, was left unfinished, is not confirmed by the probe, the database is
// newer and that is refused, or a preflight found a reason; 4 told to stop,
// leadership was lost, or somebody is at work: try again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

var errUsage = errors.New("wrong usage: migrate-leader run|check|status|forget|task|preflight|inspect|stamp|end-session|-demo")

func main() {
	// A log that nobody reads any longer must not end a migration.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "migrate-leader:", secrets.text(oneLine(err.Error())))
	}
	os.Exit(code(err))
}

// oneLine keeps an error together: a log takes each line for one of its own, and
// drivers list what they tried one below the other.
func oneLine(s string) string {
	return strings.NewReplacer("\r", "", "\n\t", " ", "\n", "; ").Replace(strings.TrimSpace(s))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	verb := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"run": lead, "check": check, "status": status, "forget": forget, "inspect": inspect, "stamp": stamp, "end-session": endSession,
		"task": configured(task), "preflight": configured(preflight), "-demo": demo, "--demo": demo,
	}[args[0]]
	if verb == nil {
		return errUsage
	}
	return verb(ctx, args[1:], stdout, stderr)
}

// configured gives a verb the SDK's configuration of this machine.
func configured(verb func(context.Context, aws.Config, []string, io.Writer, io.Writer) error) func(context.Context, []string, io.Writer, io.Writer) error {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return err
		}
		return verb(ctx, cfg, args, stdout, stderr)
	}
}

// code is the exit code that an error deserves.
func code(err error) int {
	exit, failedHere := errors.AsType[*migrate.ExitError](err)
	cannot, unrunnable := errors.AsType[*runError](err)
	_, failedElsewhere := errors.AsType[*migrate.FailedError](err)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage), errors.Is(err, errRefused):
		return 2
	case errors.Is(err, context.Canceled), errors.Is(err, migrate.ErrLeaseLost), errors.Is(err, revision.ErrRunning), errors.Is(err, revision.ErrChanged):
		return 4
	case unrunnable:
		return cannot.code
	case failedElsewhere, errors.Is(err, revision.ErrNewer), errors.Is(err, migrate.ErrDirty), errors.Is(err, migrate.ErrUnverified), errors.Is(err, errUnfinished), errors.Is(err, errImpatient):
		return 3
	case failedHere && exit.Code > 0:
		return exit.Code
	default:
		return 1
	}
}

// usage makes what the flags do not allow wrong usage; asking for help is not.
func usage(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return fmt.Errorf("%w: %w", errUsage, err)
}
