package rescuetest

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

//go:embed incident/*.yaml
var incidentTemplates embed.FS

// IncidentOptions are the knobs of [ExpiredRollbackImage]. The function that
// builds it sets the defaults named here before any option runs.
type IncidentOptions struct {
	// Options configure the cloud. Start is when the history begins, a little
	// more than eight days before the rescue; it defaults to that long before
	// now. Switches.OutputsAfterSkip defaults to "dropped", so that there is
	// something to restore.
	Options
	// Stack is the root stack's name. Defaults to "prod".
	Stack string
	// Desired is the service's number of tasks. Defaults to 2.
	Desired int
	// MinimumHealthyPercent is the service's. Defaults to 0: a deployment stops
	// the old tasks first, so that its failure leaves nothing running.
	MinimumHealthyPercent int
	// ScaledTo is the number of tasks that somebody, or an autoscaler, has set
	// since the first deployment; 0 means that nobody has.
	ScaledTo int
	// Continues is how often somebody has continued the rollback in vain.
	// Defaults to 1.
	Continues int
	// SkippedDatabase is whether an earlier rescue has skipped a database
	// resource. Defaults to true.
	SkippedDatabase bool
	// New is what the new image does instead of migrating at start; nil by
	// default.
	New simtype.Program
}

// Incident is a cloud in which something went wrong.
type Incident struct {
	// Cloud is where it happened. Its call log is empty.
	Cloud *Cloud
	// Stack is the root stack's name.
	Stack string
	// Cluster and Service are the ECS service's.
	Cluster, Service string
	// Database is what the programs share.
	Database *Database
	// OldTag and NewTag are the tags of the images that expired and of those
	// that failed to deploy.
	OldTag, NewTag string
	// Bucket holds the templates of nested stacks.
	Bucket string
}

// Do runs fn while the cloud's clock is stopped, to look at the database.
func (i *Incident) Do(fn func()) { i.Cloud.clock.Do(fn) }

// history is how long the incident's past is. It ends about when it is built.
const history = 8*24*time.Hour + 25*time.Minute

// ExpiredRollbackImage builds the incident this project is about. A root stack
// with nested stacks for network, database and application runs version v1 of a
// service with a sidecar. A lifecycle policy expires images seven days after
// their push, so v1's are gone when v2 is deployed on the ninth day. Every
// replica of v2 migrates the database at start; they race and leave the
// revision table behind, so that the rest waits until the health check kills
// it. The circuit breaker trips; neither ECS nor CloudFormation can go back to
// v1: the application's stack and the root are UPDATE_ROLLBACK_FAILED. Somebody
// continued the rollback in vain, and then skipped the database instance whose
// rollback had failed too, which loses that stack's Outputs.
//
// It returns an error only when an option cannot be met, such as a region
// without a name.
func ExpiredRollbackImage(ctx context.Context, optFns ...func(*IncidentOptions)) (*Incident, error) {
	o := defaultIncident()
	o.Switches.OutputsAfterSkip = "dropped"
	start := o.Start
	for _, fn := range optFns {
		fn(&o)
	}
	begun := o.Start.Equal(start)
	b := &builder{
		o: o, cloud: New(func(c *Options) { *c = o.Options }),
		db: &Database{Schema: revisionOld, Revision: revisionOld},
	}
	b.cfg = b.cloud.Config()
	b.cfn = cloudformation.NewFromConfig(b.cfg)
	for _, step := range []func(context.Context) error{b.repositories, b.firstDeploy, b.eightDays, b.secondDeploy, b.earlierRescues} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("expired rollback image: %w", err)
		}
	}
	if gap := time.Since(b.cloud.Now()); begun && gap > 0 {
		b.cloud.Advance(gap) // the past ends now
	}
	b.cloud.ForgetCalls()
	return &Incident{Cloud: b.cloud, Stack: o.Stack, Cluster: "prod", Service: "backend", Database: b.db, OldTag: "v1", NewTag: "v2", Bucket: bucket}, nil
}

func defaultIncident() IncidentOptions {
	return IncidentOptions{
		Options: Options{Start: time.Now().Add(-history), Speed: 1, Account: "123456789012", Region: "us-east-1", Latency: time.Millisecond},
		Stack:   "prod", Desired: 2, Continues: 1, SkippedDatabase: true,
	}
}

const bucket = "prod-templates"

// expiry is the policy with which the story begins.
const expiry = `{"rules":[{"rulePriority":1,"description":"expire 7 days after push","selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`

type builder struct {
	o     IncidentOptions
	cloud *Cloud
	cfg   aws.Config
	cfn   *cloudformation.Client
	db    *Database
}

func (b *builder) repositories(ctx context.Context) error {
	client := ecr.NewFromConfig(b.cfg)
	for _, name := range []string{"backend", "backend-nginx"} {
		if _, err := client.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
			return err
		}
		if _, err := client.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: &name, LifecyclePolicyText: aws.String(expiry)}); err != nil {
			return err
		}
	}
	_, err := s3.NewFromConfig(b.cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	return err
}

func (b *builder) firstDeploy(ctx context.Context) error {
	if err := b.build("v1", readsOldSchema(b.db)); err != nil {
		return err
	}
	body, err := b.templates(ctx, "v1", 7)
	if err != nil {
		return err
	}
	if _, err := b.cfn.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &b.o.Stack, TemplateBody: &body, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam}}); err != nil {
		return err
	}
	return b.rest(ctx, cfntypes.StackStatusCreateComplete)
}

func (b *builder) eightDays(ctx context.Context) error {
	if b.o.ScaledTo > 0 {
		_, err := ecs.NewFromConfig(b.cfg).UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("backend"), DesiredCount: aws.Int32(int32(b.o.ScaledTo))})
		if err != nil {
			return err
		}
	}
	b.cloud.Advance(8 * 24 * time.Hour)
	return nil
}

func (b *builder) secondDeploy(ctx context.Context) error {
	run := b.o.New
	if run == nil {
		run = migratesAtStart(b.db, revisionNew)
	}
	if err := b.build("v2", run); err != nil {
		return err
	}
	days := 7
	if b.o.SkippedDatabase {
		days = 14 // so that there is something to roll back in the database
	}
	body, err := b.templates(ctx, "v2", days)
	if err != nil {
		return err
	}
	if b.o.SkippedDatabase {
		b.cloud.clock.Do(func() {
			cfn := b.cloud.in(b.cloud.region).cfn
			for range 1 + b.o.Continues {
				cfn.FailNext("Database", "Instance", simtype.OnRollback, cfnsim.BeforeHandler, `Resource handler returned message: "Database instance is not in available state. (Service: Rds, Status Code: 400)" (HandlerErrorCode: InvalidRequest)`)
			}
		})
	}
	if _, err := b.cfn.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &b.o.Stack, TemplateBody: &body, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam}}); err != nil {
		return err
	}
	return b.rest(ctx, cfntypes.StackStatusUpdateRollbackFailed)
}

func (b *builder) earlierRescues(ctx context.Context) error {
	for range b.o.Continues {
		if err := b.continueRollback(ctx, nil); err != nil {
			return err
		}
	}
	if !b.o.SkippedDatabase {
		return nil
	}
	out, err := b.cfn.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: &b.o.Stack, LogicalResourceId: aws.String("Database")})
	if err != nil {
		return err
	}
	name := strings.Split(aws.ToString(out.StackResourceDetail.PhysicalResourceId), "/")[1]
	return b.continueRollback(ctx, []string{name + ".Instance"})
}

func (b *builder) continueRollback(ctx context.Context, skip []string) error {
	if _, err := b.cfn.ContinueUpdateRollback(ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: &b.o.Stack, ResourcesToSkip: skip}); err != nil {
		return err
	}
	return b.rest(ctx, cfntypes.StackStatusUpdateRollbackFailed)
}

// build pushes the images of a version.
func (b *builder) build(tag string, run simtype.Program) error {
	if _, err := b.cloud.PushImage("backend", "backend "+tag, run, tag, "latest"); err != nil {
		return err
	}
	_, err := b.cloud.PushImage("backend-nginx", "nginx "+tag, Runs("ready for start up"), tag, "latest")
	return err
}

// templates uploads the nested templates of a version under keys of their own,
// as packaging tools do, and returns the root's.
func (b *builder) templates(ctx context.Context, tag string, backupDays int) (string, error) {
	fill := strings.NewReplacer("{{tag}}", tag, "{{desired}}", fmt.Sprint(b.o.Desired), "{{minimumHealthy}}", fmt.Sprint(b.o.MinimumHealthyPercent), "{{backupDays}}", fmt.Sprint(backupDays))
	urls := []string{}
	for _, name := range []string{"network", "database", "app"} {
		body, err := incidentTemplates.ReadFile("incident/" + name + ".yaml")
		if err != nil {
			return "", err
		}
		key := name + "/" + tag + ".yaml"
		if _, err := s3.NewFromConfig(b.cfg).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(fill.Replace(string(body)))}); err != nil {
			return "", err
		}
		urls = append(urls, "{{"+name+"}}", fmt.Sprintf("https://%s.s3.%s.amazonaws.com/%s", bucket, b.o.Region, key))
	}
	root, err := incidentTemplates.ReadFile("incident/root.yaml")
	return strings.NewReplacer(urls...).Replace(fill.Replace(string(root))), err
}

// rest lets time pass until the root stack rests, in the status that the story
// wants.
func (b *builder) rest(ctx context.Context, want cfntypes.StackStatus) error {
	look := func() (cfntypes.Stack, error) {
		out, err := b.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &b.o.Stack})
		if err != nil {
			return cfntypes.Stack{}, err
		}
		return out.Stacks[0], nil
	}
	for range b.o.Switches.StaleReads { // reads that lag behind the call just made
		if _, err := look(); err != nil {
			return err
		}
	}
	for range 5000 {
		b.cloud.Advance(5 * time.Second)
		s, err := look()
		if err != nil || s.StackStatus == want {
			return err
		}
		if !strings.HasSuffix(string(s.StackStatus), "_IN_PROGRESS") {
			return fmt.Errorf("stack is %s (%s), the story wants %s", s.StackStatus, aws.ToString(s.StackStatusReason), want)
		}
	}
	return fmt.Errorf("stack did not reach %s", want)
}
