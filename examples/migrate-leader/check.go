package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// startedAt is the variable by which the verb check knows that, and since when,
// the application runs in the place of this program.
const startedAt = "MIGRATE_LEADER_STARTED_AT"

// errUnhealthy is a container that should be replaced.
var errUnhealthy = errors.New("not healthy")

// check is the verb of that name, for the container's health check: it asks who
// has the container at the moment.
func check(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("check", flag.ContinueOnError)
	fs.SetOutput(stderr)
	health := fs.String("health", "", "as for run")
	app := fs.String("app", "", "URL that the application answers with 2xx or 3xx when it is healthy")
	boot := fs.Duration("boot", time.Minute, "how long the application may take to answer after its start")
	limit := fs.Duration("timeout", 4*time.Second, "longest time for the check: less than the health check's own timeout")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	if *health == "" || *app != "" && fs.NArg() > 0 {
		return fmt.Errorf("%w: check needs -health, and either -app URL or a command", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	host, port, err := net.SplitHostPort(*health)
	if err != nil {
		return usage(err)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	at, started := appStarted()
	if !started {
		err := get(ctx, "http://"+net.JoinHostPort(host, port)+"/live")
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		// Refused: the application is about to start, or has, out of sight.
		if at, started = appStarted(); !started && *app == "" && fs.NArg() == 0 {
			return err
		}
	}
	switch {
	case *app != "":
		err = get(ctx, *app)
	case fs.NArg() > 0:
		_, err = toolcmd.Local(ctx, fs.Args())
	}
	if err != nil && started && time.Since(at) < *boot {
		fmt.Fprintln(stdout, "the application is starting:", err)
		return nil
	}
	if err != nil && !errors.Is(err, errUnhealthy) {
		err = fmt.Errorf("%w: %w", errUnhealthy, err)
	}
	return err
}

// get asks a health check.
func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usage(err)
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnhealthy, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 400 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("%w: %s answers %s: %s", errUnhealthy, url, resp.Status, bytes.TrimSpace(text))
	}
	return nil
}

// appStarted finds the application in this container, and when it was started.
func appStarted() (time.Time, bool) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended, or is somebody else's
		}
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if at, ok := bytes.CutPrefix(v, []byte(startedAt+"=")); ok {
				if sec, err := strconv.ParseInt(string(at), 10, 64); err == nil {
					return time.Unix(sec, 0), true
				}
			}
		}
	}
	return time.Time{}, false
}
