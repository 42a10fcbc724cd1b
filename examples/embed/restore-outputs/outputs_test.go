package outputs_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stackrescue/stackrescue/cfnx"
	outputs "github.com/stackrescue/stackrescue/examples/embed/restore-outputs"
	"github.com/stackrescue/stackrescue/examples/embed/stackstub"
)

const body = "Resources: {Db: {Type: AWS::RDS::DBInstance}}\nOutputs:\n  Host: {Value: !GetAtt Db.Endpoint.Address}\n  Secret: {Value: !GetAtt Db.MasterUserSecret.SecretArn} # by RDS\n"

func TestLostOutputsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stackstub.New(body, "Db", "AWS::RDS::DBInstance", false)
		ledger := &cfnx.Ledger{Stacks: []cfnx.LedgerStack{{ID: stackstub.ARN, Outputs: []cfnx.Output{{Key: "Host", Value: "db.example"}}}}}
		find := func(_ context.Context, typ, physical, attribute string) (string, error) {
			return "arn:secret:" + typ + ":" + physical + ":" + attribute, nil
		}
		var log strings.Builder
		if err := outputs.Restore(t.Context(), s.Config(), "web", ledger, find, &log); err != nil || s.Executed != 1 {
			t.Fatal(err, s.Executed)
		}
		for _, want := range []string{"Host: {Value: db.example}", "arn:secret:AWS::RDS::DBInstance:physical:MasterUserSecret.SecretArn", "# by RDS"} {
			if !strings.Contains(s.Body, want) {
				t.Errorf("%s is not in %s", want, s.Body)
			}
		}
		s.Outputs = map[string]string{"Host": "db.example", "Secret": "arn:secret"}
		if err := outputs.Restore(t.Context(), s.Config(), "web", ledger, find, &log); err != nil || s.Executed != 1 {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "output Secret is back") || !strings.Contains(log.String(), "no output is lost") {
			t.Error(log.String())
		}
	})
}
