package rescue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// shields protects as a program with the services' own clients would.
func (s *site) shields(o *rescue.Options) {
	o.Shield = func(ctx context.Context, d cfnx.Deletion, on bool) error {
		if d.Type == "AWS::S3::Bucket" {
			_, err := s3.NewFromConfig(s.cloud.Config()).PutObject(ctx, &s3.PutObjectInput{Bucket: &d.PhysicalID, Key: aws.String("stackrescue-shield"), Body: strings.NewReader("")})
			return err
		}
		return s.cloud.Protect(d.PhysicalID, on)
	}
}

// deletions are what was deleted, by the simulated account's own record, but for
// images and revisions.
func (s *site) deletions() (out []string) {
	for _, d := range s.cloud.Record().Deletions {
		if d.Kind != "AWS::ECR::Image" && d.Kind != "AWS::ECS::TaskDefinition" {
			out = append(out, d.Kind+" "+d.Name)
		}
	}
	return out
}

// resources are the physical ids of the stack's resources, by logical id.
func (s *site) resources() map[string]string {
	out := map[string]string{}
	for p := cloudformation.NewListStackResourcesPaginator(s.cfn, &cloudformation.ListStackResourcesInput{StackName: aws.String("prod")}); p.HasMorePages(); {
		page, err := p.NextPage(s.t.Context())
		require.NoError(s.t, err)
		for _, r := range page.StackResourceSummaries {
			out[*r.LogicalResourceId] = aws.ToString(r.PhysicalResourceId)
		}
	}
	return out
}

const (
	ordersTable = "  Orders: {Type: AWS::DynamoDB::Table, Properties: {TableName: orders, BillingMode: PAY_PER_REQUEST, KeySchema: [{AttributeName: id, KeyType: HASH}], AttributeDefinitions: [{AttributeName: id, AttributeType: S}]}}\n"
	namelessDb  = "  Orders: {Type: AWS::RDS::DBInstance, Properties: {Engine: postgres, DBInstanceClass: db.t3.micro, AllocatedStorage: \"20\", MasterUsername: u, ManageMasterUserPassword: true}}\n"
	ordersFiles = "  Orders: {Type: AWS::S3::Bucket, Properties: {BucketName: orders-files}}\n"
)

// lockedWith is a stack whose failed update has made more resources; its service was
// to use Orders.
func lockedWith(s *site, resources string) {
	old := s.push("v1")
	s.create(web("v1"))
	s.deleteImage(old)
	s.pushFailing("v2")
	s.update(web("v2", with("Environment: [{Name: ORDERS, Value: !Ref Orders}]")...) + resources)
	for range 5 { // reads may be stale
		if s.rest("prod") == cfntypes.StackStatusUpdateRollbackFailed {
			break
		}
	}
	require.Equal(s.t, cfntypes.StackStatusUpdateRollbackFailed, s.status("prod"))
	s.mended = true
}

// What holds data and would be deleted by the clean-up is protected, left outside, and
// taken into the stack again: by the simulated account's own record nothing of it was
// deleted, the stack has the same physical resource, and the pipeline's next update
// keeps it.
func TestShieldKeepsWhatTheCleanUpWouldDelete(t *testing.T) {
	t.Parallel()
	for name, resources := range map[string]string{"a table with a name": ordersTable, "a database without one": namelessDb, "a bucket": ordersFiles} {
		for _, direction := range []rescue.Direction{rescue.Forward, rescue.Hold} {
			t.Run(name+" "+string(direction), func(t *testing.T) {
				t.Parallel()
				inSite(t, func(t *testing.T, s *site) {
					lockedWith(s, resources)
					was := s.resources()["Orders"]
					require.NotEmpty(t, was)
					c := rescue.Choices{Direction: direction}
					if direction == rescue.Hold {
						s.serve("web:2")
						s.refuses(c, rescue.ErrDirection, "Orders")
					} else {
						s.stops(c, "unlock", "Orders", "Choices.Shield")
					}
					c.Shield = true
					p, err := rescue.MakePlan(s.diagnose(), c)
					require.NoError(t, err)
					require.Nil(t, p.Stop, "%s", p)
					_, err = s.run(throughJSON(t, p, nil))
					require.ErrorIs(t, err, rescue.ErrPlan, "nothing was given that shields")
					require.ErrorContains(t, err, "Options.Shield")
					r, err := s.run(throughJSON(t, p, nil), s.shields)
					require.NoError(t, err, r)
					require.Equal(t, rescue.Result("served-with-debt"), r.Result, r)
					require.Empty(t, s.deletions())
					require.Equal(t, was, s.resources()["Orders"])
					require.True(t, strings.HasPrefix(s.counts(), "2 of 2 run web:"), s.counts())
					require.Contains(t, strings.Join(r.Debt, "\n"), "keeps the shield of the rescue until it is taken off: aws ")
					require.Contains(t, strings.Join(r.Follow, "\n"), "was imported as it is")
					// The pipeline's next update knows it, and makes no second one.
					s.push("v3")
					require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v3", with("Environment: [{Name: ORDERS, Value: !Ref Orders}]")...)+resources))
					require.Equal(t, was, s.resources()["Orders"])
					require.Empty(t, s.deletions())
				})
			})
		}
	}
}

// What cannot be shielded, alone or beside what can be, stops the plan as before, and
// so does what uses something that is deleted all the same.
func TestWhatAShieldCannotKeep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ resources, fact string }{
		"a queue":                        {strings.Replace(ordersTable, "Orders", "Table", 1) + "  Orders: {Type: AWS::SQS::Queue}\n", "nothing that can be taken back keeps a resource of type AWS::SQS::Queue"},
		"a table with a key of its own":  {"  Key: {Type: AWS::KMS::Key, Properties: {KeyPolicy: {}}}\n" + strings.Replace(ordersTable, "TableName: orders,", "TableName: orders, SSESpecification: {SSEEnabled: true, KMSMasterKeyId: !Ref Key},", 1), "KMS::Key"},
		"a database in its subnet group": {"  Nets: {Type: AWS::RDS::DBSubnetGroup, Properties: {DBSubnetGroupDescription: x, SubnetIds: [subnet-1, subnet-2]}}\n" + strings.Replace(namelessDb, "Engine:", "DBSubnetGroupName: !Ref Nets, Engine:", 1), "it uses Nets, which would be deleted all the same"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				lockedWith(s, test.resources)
				p := s.stops(rescue.Choices{Direction: rescue.Forward, Shield: true}, "unlock", test.fact)
				r, err := s.run(p, s.shields)
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("served-with-debt"), r.Result)
				require.Empty(t, s.deletions())
			})
		})
	}
}

// A resource that cannot be imported is left outside, which is debt before the run and
// after it, and no savepoint makes it once more.
func TestShieldedAndNotImported(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		lockedWith(s, strings.Replace(namelessDb, "ManageMasterUserPassword: true", "MasterUserPassword: '****'", 1))
		was := s.resources()["Orders"]
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Shield: true})
		require.NoError(t, err)
		require.Contains(t, strings.Join(p.Debt, "\n"), "is left outside of stack prod (prod.Orders: its property /MasterUserPassword is hidden")
		dir := t.TempDir()
		r, err := s.run(p, s.shields, func(o *rescue.Options) { o.Evidence = dir })
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("served-with-debt"), r.Result)
		require.Empty(t, s.deletions())
		require.NotContains(t, s.resources(), "Orders")
		require.NoError(t, s.cloud.Protect(was, true), "it is there")
		// After the pipeline's next success, finish still says so.
		s.push("v3")
		require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v3")))
		f, err := rescue.Finish(t.Context(), s.cloud.Config(), "prod", func(o *rescue.FinishOptions) { o.Evidence = dir })
		require.NoError(t, err)
		require.Contains(t, strings.Join(f.Open, "\n"), was+" was left outside of the stack by the rescue's shield")
	})
}

// Finish takes the protection off once the stack has the resource again and the
// pipeline has succeeded, and says it where nothing is given that can.
func TestFinishTakesTheShieldOff(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		lockedWith(s, ordersTable)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Shield: true})
		require.NoError(t, err)
		dir := t.TempDir()
		r, err := s.run(p, s.shields, func(o *rescue.Options) { o.Evidence = dir })
		require.NoError(t, err, r)
		s.push("v3")
		require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(web("v3", with("Environment: [{Name: ORDERS, Value: !Ref Orders}]")...)+ordersTable))
		finish := func(optFns ...func(*rescue.FinishOptions)) *rescue.Finished {
			f, err := rescue.Finish(t.Context(), s.cloud.Config(), "prod", append(optFns, func(o *rescue.FinishOptions) { o.Evidence = dir })...)
			require.NoError(t, err)
			return f
		}
		require.Contains(t, strings.Join(finish().Open, "\n"), "take it off with: aws dynamodb update-table --table-name orders --no-deletion-protection-enabled")
		var off []string
		shield := func(o *rescue.FinishOptions) {
			o.Shield = func(_ context.Context, d cfnx.Deletion, on bool) error {
				off = append(off, fmt.Sprint(d.Unshield(), on))
				return s.cloud.Protect(d.PhysicalID, on)
			}
		}
		finish(shield, func(o *rescue.FinishOptions) { o.DryRun = true })
		require.Empty(t, off)
		require.Contains(t, strings.Join(finish(shield).Done, "\n"), "AWS::DynamoDB::Table orders")
		require.Equal(t, []string{"aws dynamodb update-table --table-name orders --no-deletion-protection-enabledfalse"}, off)
		finish(shield)
		require.Len(t, off, 1, "what was taken off is not taken off again")
	})
}

// A shield that fails ends the run before the unlock.
func TestShieldThatFailsUnlocksNothing(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		lockedWith(s, ordersTable)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Shield: true})
		require.NoError(t, err)
		require.Contains(t, p.Policy(), "dynamodb:UpdateTable")
		require.Contains(t, p.Commands(), "aws dynamodb update-table --table-name orders --deletion-protection-enabled")
		denied := errors.New("AccessDeniedException: dynamodb:UpdateTable")
		r, err := s.run(p, func(o *rescue.Options) {
			o.Shield = func(context.Context, cfnx.Deletion, bool) error { return denied }
		})
		require.ErrorIs(t, err, denied)
		require.Equal(t, rescue.Result("not-rescued"), r.Result)
		require.Equal(t, "2 of 2 run web:3", s.counts())
		require.Empty(t, s.deletions())
		require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
	})
}

// The process is killed at every call of the steps from the shield on, before and
// after it; the same plan with its journal gets to the same end, and the stack's name
// alone is safe.
func TestShieldKilledAnywhere(t *testing.T) {
	t.Parallel()
	var shieldAt, calls int
	var made []string
	inSite(t, func(t *testing.T, s *site) {
		lockedWith(s, ordersTable)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Shield: true})
		require.NoError(t, err)
		s.cloud.ForgetCalls()
		_, err = s.run(p, s.shields, func(o *rescue.Options) {
			o.Observe = func(e rescue.Event) {
				if strings.HasSuffix(e.Step, "-shield") && shieldAt == 0 {
					shieldAt = len(s.cloud.Calls())
				}
				if strings.HasSuffix(e.Step, "-savepoint") && calls == 0 {
					calls = len(s.cloud.Calls())
				}
			}
		})
		require.NoError(t, err)
		made = actionsOf(s.cloud)
	})
	require.True(t, shieldAt > 0 && calls > shieldAt+20, "%d to %d", shieldAt, calls)
	looked := 0
	for _, c := range sample.Calls(t, made[shieldAt:calls], []string{"before", "after", "before, with its folder", "after, with its folder"}, 0, nil) {
		n, kind := c.N+shieldAt, simtype.CrashBefore
		if strings.HasPrefix(c.Kind, "after") {
			kind = simtype.CrashAfter
		}
		folder := strings.HasSuffix(c.Kind, "folder")
		looked++
		inSite(t, func(t *testing.T, s *site) {
			lockedWith(s, ordersTable)
			c := rescue.Choices{Direction: rescue.Forward, Shield: true}
			p, err := rescue.MakePlan(s.diagnose(), c)
			require.NoError(t, err)
			s.cloud.ForgetCalls()
			s.cloud.Inject(simtype.Fault{Nth: n, Kind: kind})
			x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
			_, err = s.run(p, s.shields, x.options)
			time.Sleep(time.Minute)
			s.cloud.ClearFaults()
			s.cloud.Restart()
			x.calls = len(s.cloud.Calls())
			say := fmt.Sprintf("killed at call %d (%v), folder %t", n, kind, folder)
			if folder && err != nil {
				r, err := s.run(throughJSON(t, p, nil), s.shields, x.options)
				require.NoError(t, err, "%s: %s", say, r)
				require.Equal(t, "orders", s.resources()["Orders"], say)
			}
			if !folder {
				time.Sleep(time.Hour)
				q, err := rescue.MakePlan(s.diagnose(), c)
				if err == nil {
					_, err = s.run(q, s.shields)
				}
				require.True(t, err == nil || errors.Is(err, rescue.ErrHealthy), "%s: %v", say, err)
			}
			require.Empty(t, s.deletions(), say)
			require.True(t, strings.HasPrefix(s.counts(), "2 of 2 run web:"), "%s: %s", say, s.counts())
		})
	}
	t.Logf("calls %d to %d, killed %d times", shieldAt, calls, looked)
}

// A process that is killed in the call that shields, before or after it has its
// effect, has unlocked nothing; the same plan goes on.
func TestShieldKilledInItsOwnCall(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprint("after ", after), func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				lockedWith(s, ordersTable)
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Shield: true})
				require.NoError(t, err)
				x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
				_, err = s.run(p, x.options, func(o *rescue.Options) {
					o.Shield = func(_ context.Context, d cfnx.Deletion, on bool) error {
						if after {
							require.NoError(t, s.cloud.Protect(d.PhysicalID, on))
						}
						return rescuetest.ErrCrashed
					}
				})
				require.ErrorIs(t, err, rescuetest.ErrCrashed)
				require.Zero(t, done(s.cloud)["cloudformation:ContinueUpdateRollback"])
				r, err := s.run(throughJSON(t, p, nil), x.options, s.shields)
				require.NoError(t, err, r)
				require.Equal(t, "orders", s.resources()["Orders"])
				require.Empty(t, s.deletions())
			})
		})
	}
}

// What the new steps may call is denied, one action at a time: the run ends with that,
// users served and nothing deleted.
func TestImportDenied(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				lockedWith(s, ordersTable)
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Shield: true})
				require.NoError(t, err)
				s.cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
				r, err := s.run(p, s.shields)
				require.Error(t, err, r)
				require.Empty(t, s.deletions())
				require.Equal(t, "2 of 2 run web:3", s.counts())
				s.cloud.ClearFaults()
				r, err = s.run(p, s.shields, func(o *rescue.Options) { o.Done = r.Steps })
				require.NoError(t, err, r)
				require.Equal(t, "orders", s.resources()["Orders"])
			})
		})
	}
}

// Under every value of the switches that concern it, data stays and the stack has it.
func TestShieldUnderEverySwitch(t *testing.T) {
	t.Parallel()
	for _, x := range sample.Quarter(t, settings, nil) {
		t.Run(x.name+" "+x.value, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				lockedWith(s, ordersTable)
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward, Shield: true})
				require.NoError(t, err)
				r, err := s.run(p, s.shields)
				require.NoError(t, err, r)
				require.Equal(t, "orders", s.resources()["Orders"])
				require.Empty(t, s.deletions())
			}, func(o *rescuetest.Options) { x.set(&o.Switches) })
		})
	}
}

// On the way back what holds data is shielded as well, where that is allowed.
func TestBackShieldsData(t *testing.T) {
	t.Parallel()
	for _, shield := range []bool{true, false} {
		t.Run(fmt.Sprint(shield), func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				lockedWith(s, ordersTable)
				s.push("v1")
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back, Shield: shield})
				require.NoError(t, err)
				r, err := s.run(p, s.shields)
				require.NoError(t, err, r)
				if !shield {
					require.Equal(t, []string{"AWS::DynamoDB::Table orders"}, s.deletions())
					return
				}
				require.Empty(t, s.deletions())
				require.Equal(t, "orders", s.resources()["Orders"])
			})
		})
	}
}
