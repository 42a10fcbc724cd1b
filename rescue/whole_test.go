package rescue_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/stackrescue/stackrescue/rescue"
)

// whole diagnoses, plans and runs, and writes what it finds to w.
func whole(t *testing.T, cfg aws.Config, stack string, w io.Writer, optFns ...func(*rescue.Options)) error {
	t.Helper()
	d, err := rescue.Diagnose(t.Context(), cfg, stack, optFns...)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w, d); err != nil {
		return err
	}
	p, err := rescue.MakePlan(d, forward())
	if err != nil {
		return err
	}
	_, err = rescue.Run(t.Context(), cfg, p, optFns...)
	return err
}
