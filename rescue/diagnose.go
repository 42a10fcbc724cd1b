package rescue

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Diagnose reads what happened to the stack and everything nested in it, the
// evidence that expires first, and says whether users are served, what is
// wrong and why. The stack may be any of the tree. It changes nothing: its
// clients refuse every call that [ReadActions] does not list.
//
// It returns nil as error for every stack that exists and can be read, also for
// one that is healthy or busy: see Diagnosis.Situation. It returns [ErrNoStack]
// if the stack does not exist here and [ErrNoAccess] if permission is missing,
// both in an *[Error] with advice. What else cannot be read is in
// Diagnosis.Unknown.
//
// With Options.Evidence the evidence is written to that folder before anything
// is concluded from it; [OpenBundle] and [Bundle.Explain] read it again offline. What a
// call that ended early has read, by a deadline, is written as well.
//
// Calls what [ReadActions] lists. Safe to repeat.
func Diagnose(ctx context.Context, cfg aws.Config, stack string, optFns ...func(*Options)) (*Diagnosis, error) {
	var o Options
	o.resolve(ctx, optFns)
	b, err := capture(ctx, cfg, stack, o)
	if err != nil {
		if o.Evidence != "" && b != nil && b.Tree != nil {
			err = errors.Join(err, b.Write(o.Evidence)) // what there was time for
		}
		return nil, err
	}
	if o.Evidence != "" {
		if err := b.Write(o.Evidence); err != nil {
			return nil, err
		}
		o.tell("evidence", "written to "+o.Evidence)
	}
	return b.Explain(), nil
}

// capture reads what a diagnosis needs. With an error, the bundle is what was read
// before it, or nil.
func capture(ctx context.Context, cfg aws.Config, stack string, o Options) (*Bundle, error) {
	c := newClients(only(cfg, readActions...))
	account, err := whoami(ctx, c.sts)
	where := cfg.Region
	switch {
	case err == nil:
		where = account + ", " + cfg.Region
	case !denied(err):
		return nil, err
	}
	b := &Bundle{Version: bundleVersion, At: o.Now().UTC(), Account: account, Region: cfg.Region}
	cap := capturer{c: c, o: o, b: b, tell: func(s string) { o.tell("diagnose", s) }}
	if err := cap.capture(ctx, stack); err != nil {
		err = explain(stack, where, cfg.Region, err)
		if e, ok := errors.AsType[*Error](err); ok {
			return b, e
		}
		return b, err
	}
	return b, nil
}
