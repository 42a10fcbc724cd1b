package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue"
)

// shield is what protects resources of the account: a simulated one's own, else the
// AWS CLI.
func (x *account) shield() func(context.Context, cfnx.Deletion, bool) error {
	var o rescue.Options
	if x.options != nil {
		x.options(&o)
	}
	if o.Shield != nil {
		return o.Shield
	}
	return shield(x.cfg.Region)
}

// shield protects a resource by the command that the plan shows, with the AWS CLI, or
// takes the protection off: this program has no clients of databases. All of these
// changes are in force when the call returns
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html).
func shield(region string) func(context.Context, cfnx.Deletion, bool) error {
	return func(ctx context.Context, d cfnx.Deletion, on bool) error {
		command := d.Shield
		if !on {
			command = d.Unshield()
		}
		switch {
		case command == "" && on && d.Resists != "":
			return nil // its template has it protected
		case command == "":
			return errors.New("no command is known")
		}
		// A physical id in it is quoted for a shell.
		run := exec.CommandContext(ctx, "sh", "-c", command) //nolint:gosec // the plan's own command, reviewed and hashed with it
		run.Env = append(os.Environ(), "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_PAGER=")
		out, err := run.CombinedOutput()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(out)))
		}
		return nil
	}
}
