package rescue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/stackrescue/stackrescue/ecrx"
)

// need checks a secret or a log group, by what the capture found.
func (v *verifier) need(what string) {
	f, known := v.b.Needs[what]
	if !known || f.Unknown {
		v.unknown(what+" is there", f.Why)
		return
	}
	v.record(f.There, what+" is there", f.Why)
}

// policiesUnread are the repositories of images that are there whose lifecycle
// policy is not known.
func (v *verifier) policiesUnread(images map[string]bool) []string {
	var out []string
	for _, ref := range sortedKeys(images) {
		i, err := ecrx.Parse(ref)
		if err != nil || !i.Private() || !v.b.Images[ref].State.Usable() {
			continue
		}
		if _, read := v.b.Freezes[i.Name()]; !read {
			out = append(out, i.Repository)
		}
	}
	return slices.Compact(out)
}

func (v *verifier) parameterOf(ctx context.Context, from string) error {
	if v.parameter == nil {
		return nil
	}
	name := from
	if _, after, arn := strings.Cut(from, ":parameter"); arn {
		name = after
		if strings.Count(name, "/") == 1 {
			name = name[1:] // the ARN of a name without a path has a slash of its own
		}
	}
	what := "parameter " + name + " is there"
	ok, err := v.parameter(ctx, name)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		v.unknown(what, text(err))
	default:
		v.record(ok, what, "")
	}
	return nil
}

// missing reports whether AWS says that something is not there.
func missing(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	code := e.ErrorCode()
	return strings.Contains(code, "NotFound") || strings.HasPrefix(code, "NoSuch")
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func suffix(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(": %s", err)
}
