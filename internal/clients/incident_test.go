package clients

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// An operator types AWS CLI commands.
type operator struct {
	t     *testing.T
	cli   awsCLI
	url   string
	env   []string
	cloud *rescuetest.Cloud
}

// aws runs a command that must succeed; arguments are split at blanks, but for
// those in more.
func (o operator) aws(command string, more ...string) string {
	o.t.Helper()
	out := o.try(command, more...)
	require.Empty(o.t, out.Code, out.Text)
	o.t.Logf("$ aws %s %s\n%s", command, strings.Join(more, " "), firstLines(out.Text))
	return out.Text
}

// refused runs a command that must fail with the code.
func (o operator) refused(code, command string, more ...string) string {
	o.t.Helper()
	out := o.try(command, more...)
	require.Equal(o.t, code, out.Code, out.Text)
	o.t.Logf("$ aws %s %s\n%s", command, strings.Join(more, " "), firstLines(out.Text))
	return out.Text
}

func (o operator) try(command string, more ...string) outcome {
	o.t.Helper()
	out, err := o.cli.run(o.t, o.env, o.url, append(strings.Fields(command), more...)...)
	require.NoError(o.t, err, command)
	return out
}

// text is aws with one value as its output.
func (o operator) text(command, query string, more ...string) string {
	o.t.Helper()
	return strings.TrimSpace(o.aws(command+" --output text", append([]string{"--query", query}, more...)...))
}

func firstLines(s string) string {
	l := strings.SplitN(s, "\n", 13)
	if len(l) == 13 {
		l[12] = "…"
	}
	return strings.Join(l, "\n")
}

// TestIncidentByHand works through the incident with the AWS CLI alone: look,
// read the evidence, bring the service back with the new image, unlock the
// stack by skipping the service, and make a savepoint.
func TestIncidentByHand(t *testing.T) {
	t.Parallel()
	clis := findCLIs()
	if len(clis) == 0 {
		skip(t, "no AWS CLI in PATH")
	}
	i := frozen(t)
	url := serve(t, i.Cloud)
	o := operator{t, preferred(clis)[0], url, environment(t, url), i.Cloud}
	app := o.look()
	if !sample.Wide() {
		t.Log("a sample: only what an operator looks at first; STACKRESCUE_SAMPLE=2 for the whole incident, fifty processes of the AWS CLI")
		return
	}
	revision, secret, host := o.serve()
	o.unlock(app)
	o.savepoint(app, secret, host)

	require.Equal(t, "UPDATE_COMPLETE", o.text("cloudformation describe-stacks --stack-name prod", "Stacks[0].StackStatus"))
	require.Equal(t, secret, o.text("cloudformation describe-stacks --stack-name prod", "Stacks[0].Outputs[?OutputKey=='DatabaseSecretArn'].OutputValue"))
	require.Equal(t, "2", o.text("ecs describe-services --cluster prod --services backend", "services[0].runningCount"))
	require.NotEqual(t, revision, o.text("ecs describe-services --cluster prod --services backend", "services[0].taskDefinition"))
}

// look reads the evidence and returns the id of the application's stack.
func (o operator) look() string {
	require.Contains(o.t, o.text("sts get-caller-identity", "Account"), o.cloud.Account())
	require.Equal(o.t, "UPDATE_ROLLBACK_FAILED", o.text("cloudformation describe-stacks --stack-name prod", "Stacks[0].StackStatus"))
	app := o.text("cloudformation describe-stack-resource --stack-name prod --logical-resource-id App", "StackResourceDetail.PhysicalResourceId")
	events := o.text("cloudformation describe-stack-events --stack-name "+app, "StackEvents[?ResourceStatus=='UPDATE_FAILED'].[LogicalResourceId,ResourceStatusReason]")
	require.Contains(o.t, events, "Service")
	require.Equal(o.t, "0", o.text("ecs describe-services --cluster prod --services backend", "services[0].runningCount"))
	tasks := strings.Fields(o.text("ecs list-tasks --cluster prod --desired-status STOPPED", "taskArns"))
	require.NotEmpty(o.t, tasks)
	reasons := o.text("ecs describe-tasks --cluster prod --tasks "+strings.Join(tasks, " "), "tasks[].stoppedReason")
	require.Contains(o.t, reasons, "CannotPullContainerError")
	require.Contains(o.t, o.text("logs filter-log-events --log-group-name /prod/backend --filter-pattern ERROR", "events[].message"), "alembic_version")
	o.refused("ImageNotFoundException", "ecr describe-images --repository-name backend --image-ids imageTag=v1")
	return app
}

// serve runs the same new image under a revision that no stack owns, after the
// migration's revision was stamped.
func (o operator) serve() (revision, secret, host string) {
	newest := strings.Fields(o.text("ecs list-task-definitions --family-prefix backend --sort DESC --status ACTIVE", "taskDefinitionArns"))
	require.NotEmpty(o.t, newest)
	var definition struct {
		ContainerDefinitions []map[string]any
		ExecutionRoleArn     string
	}
	text := o.aws("ecs describe-task-definition --task-definition "+newest[0], "--query", "taskDefinition")
	require.NoError(o.t, json.Unmarshal([]byte(text), &definition))
	for _, c := range definition.ContainerDefinitions {
		c["image"] = regexp.MustCompile(`:v\d+$`).ReplaceAllString(c["image"].(string), ":v2")
		for _, s := range list(c["secrets"]) {
			secret = strings.TrimSuffix(s["valueFrom"].(string), ":password::")
		}
		for _, e := range list(c["environment"]) {
			host = e["value"].(string)
		}
	}
	containers, err := json.Marshal(definition.ContainerDefinitions)
	require.NoError(o.t, err)
	revision = o.text("ecs register-task-definition --family backend-rescue --network-mode awsvpc --cpu 512 --memory 1024 --requires-compatibilities FARGATE", "taskDefinition.taskDefinitionArn",
		"--execution-role-arn", definition.ExecutionRoleArn, "--container-definitions", string(containers))

	network := `awsvpcConfiguration={subnets=[subnet-1]}`
	stamp := o.text("ecs run-task --cluster prod --launch-type FARGATE --task-definition "+revision, "tasks[0].taskArn", "--network-configuration", network,
		"--overrides", `{"containerOverrides":[{"name":"backend","command":["alembic","stamp","head"]}]}`)
	o.cloud.Advance(10 * time.Minute)
	o.aws("ecs wait tasks-stopped --cluster prod --tasks " + stamp)
	require.Equal(o.t, "0", o.text("ecs describe-tasks --cluster prod --tasks "+stamp, "tasks[0].containers[?name=='backend'].exitCode"))

	o.aws("ecs update-service --cluster prod --service backend --force-new-deployment --task-definition "+revision, "--query", "service.deployments[].[id,status,taskDefinition]")
	o.cloud.Advance(20 * time.Minute)
	o.aws("ecs wait services-stable --cluster prod --services backend")
	require.Equal(o.t, "2", o.text("ecs describe-services --cluster prod --services backend", "services[0].runningCount"))
	return revision, secret, host
}

func list(v any) []map[string]any {
	var maps []map[string]any
	items, _ := v.([]any)
	for _, x := range items {
		if m, ok := x.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}

// unlock continues the rollback: in vain, refused, and then with the service
// skipped by its nested name.
func (o operator) unlock(app string) {
	status := func() string {
		return o.text("cloudformation describe-stacks --stack-name prod", "Stacks[0].StackStatus")
	}
	o.aws("cloudformation continue-update-rollback --stack-name prod")
	require.Equal(o.t, "UPDATE_ROLLBACK_IN_PROGRESS", status())
	o.cloud.Advance(4 * time.Hour)
	require.Equal(o.t, "UPDATE_ROLLBACK_FAILED", status(), "the image is still missing")
	o.refused("ValidationError", "cloudformation continue-update-rollback --stack-name prod --resources-to-skip Service")
	o.refused("ValidationError", "cloudformation continue-update-rollback --stack-name "+app)
	o.aws("cloudformation continue-update-rollback --stack-name prod --resources-to-skip " + strings.Split(app, "/")[1] + ".Service")
	o.cloud.Advance(time.Hour)
	o.aws("cloudformation wait stack-rollback-complete --stack-name prod")
	require.Equal(o.t, "UPDATE_ROLLBACK_COMPLETE", status())
}

// savepoint makes the templates say what runs: images that exist, and the
// values of Outputs that an earlier skip has lost.
func (o operator) savepoint(app, secret, host string) {
	dir := o.t.TempDir()
	template := func(stack string) string {
		return o.text("cloudformation get-template --template-stage Original --stack-name "+stack, "TemplateBody")
	}
	write := func(name, body string) string {
		file := filepath.Join(dir, name)
		require.NoError(o.t, os.WriteFile(file, []byte(body), 0o600))
		return file
	}
	child := strings.ReplaceAll(template(app), ":v1\"", ":v2\"")
	o.aws("s3api put-object --bucket prod-templates --key app/savepoint.yaml --body " + write("app.yaml", child))
	root := strings.NewReplacer("app/v1.yaml", "app/savepoint.yaml", "!GetAtt Database.Outputs.SecretArn", secret, "!GetAtt Database.Outputs.Host", host).Replace(template("prod"))
	require.Contains(o.t, root, "app/savepoint.yaml")
	o.aws("cloudformation create-change-set --stack-name prod --change-set-name savepoint --include-nested-stacks --capabilities CAPABILITY_IAM --template-body file://" + write("root.yaml", root))
	o.cloud.Advance(time.Minute)
	o.aws("cloudformation wait change-set-create-complete --stack-name prod --change-set-name savepoint")
	changes := o.text("cloudformation describe-change-set --stack-name prod --change-set-name savepoint", "Changes[].ResourceChange.[Action,LogicalResourceId,Replacement]")
	require.NotContains(o.t, changes, "Remove")
	o.aws("cloudformation execute-change-set --stack-name prod --change-set-name savepoint")
	o.cloud.Advance(time.Hour)
	o.aws("cloudformation wait stack-update-complete --stack-name prod")
}
