package rescuetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// A ScriptCommand is one command of a scenario script. It returns what it
// prints.
type ScriptCommand func(ctx context.Context, args []string, body string) (string, error)

// Script runs a scenario script on the cloud and returns its transcript: the
// script with what each command printed below its line of dashes. A script that
// a test keeps in testdata is right if its transcript is equal to it.
//
//	template web
//	Resources: {Topic: {Type: AWS::SNS::Topic}}
//	----
//
//	deploy prod web
//	----
//	prod CREATE_COMPLETE
//
// A command is one line, with an input below it where it takes one, a line of
// four dashes, what it prints, and an empty line. Lines that begin with "#" are
// comments. The commands are those of help, and extra's, which win.
func (c *Cloud) Script(ctx context.Context, text string, extra map[string]ScriptCommand) (transcript string, err error) {
	cfg := c.Config()
	s := &script{
		c: c, cfn: cloudformation.NewFromConfig(cfg), ecr: ecr.NewFromConfig(cfg), ecs: ecs.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg),
		secrets: secretsmanager.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg), templates: map[string]string{},
	}
	commands := s.commands()
	maps.Copy(commands, extra)
	var out strings.Builder
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		if i++; strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			if i < len(lines) || line != "" {
				out.WriteString(line + "\n")
			}
			continue
		}
		out.WriteString(line + "\n")
		var body []string
		for ; i < len(lines) && lines[i] != "----"; i++ {
			body = append(body, lines[i])
			out.WriteString(lines[i] + "\n")
		}
		if i == len(lines) {
			return out.String(), fmt.Errorf("script: %q has no line of dashes", line)
		}
		for i++; i < len(lines) && lines[i] != ""; i++ { // what it is to print
		}
		out.WriteString("----\n")
		args := strings.Fields(line)
		command, ok := commands[args[0]]
		if !ok {
			return out.String(), fmt.Errorf("script: no command %q: there are %s", args[0], strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
		}
		printed, err := command(ctx, args[1:], strings.Join(body, "\n"))
		if err != nil {
			printed += "error: " + s.stable(plainError(err))
		}
		if printed = strings.TrimRight(printed, "\n"); printed != "" {
			out.WriteString(printed + "\n")
		}
	}
	return out.String(), nil
}

// plainError is an error without what differs from run to run.
func plainError(err error) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, "api error "); ok {
		return after
	}
	return text
}

// script is a script that runs.
type script struct {
	c         *Cloud
	cfn       *cloudformation.Client
	ecr       *ecr.Client
	ecs       *ecs.Client
	s3        *s3.Client
	secrets   *secretsmanager.Client
	ssm       *ssm.Client
	templates map[string]string
}

// commands are the built-in ones; help prints their usage.
func (s *script) commands() map[string]ScriptCommand {
	type entry struct {
		usage string
		run   func(ctx context.Context, a args, body string) (string, error)
	}
	table := []entry{
		{"advance DURATION", s.advance},
		{"repository NAME [expire=DAYS]", s.repository},
		{"push REPOSITORY TAG [PROGRAM]: runs, exits:CODE:AFTER, slow:AFTER or sick", s.push},
		{"expire REPOSITORY:TAG: the image is gone", s.expire},
		{"image REF [PROGRAM]: an image of another registry", s.image},
		{"no-image REF: an image of another registry is gone", s.noImage},
		{"capacity TASKS", s.capacity},
		{"secret NAME VALUE", s.secret},
		{"delete-secret NAME", s.deleteSecret},
		{"parameter NAME VALUE", s.parameter},
		{"template NAME, with the text below", s.template},
		{"upload BUCKET/KEY TEMPLATE", s.upload},
		{"deploy STACK TEMPLATE [KEY=VALUE…] [disable-rollback] [retain-except-on-create] [no-wait]", s.deploy},
		{"update-child STACK.CHILD TEMPLATE [KEY=VALUE…]: the nested stack alone", s.updateChild},
		{"continue-child STACK.CHILD [skip=A,B]: the nested stack alone", s.continueChild},
		{"get-parameter NAME", s.getParameter},
		{"continue STACK [skip=A,B] [force] [no-wait]", s.resume},
		{"cancel STACK", s.cancel},
		{"roll-back STACK", s.rollBack},
		{"delete STACK", s.deleteStack},
		{"fail STACK.RESOURCE=create|update|rollback|delete [after|hang] [times=N] [REASON…]", s.fail},
		{"deny ACTION", s.fault(simtype.Deny)},
		{"throttle ACTION [nth=N]", s.fault(simtype.Throttle)},
		{"stale ACTION", s.fault(simtype.Stale)},
		{"allow: every fault is taken back", s.allow},
		{"update-service CLUSTER/SERVICE [revision=FAMILY:N] [desired=N] [force]", s.updateService},
		{"delete-service CLUSTER/SERVICE", s.deleteService},
		{"status STACK: its resources and nested stacks", s.status},
		{"outputs STACK", s.outputs},
		{"parameters STACK", s.parameters},
		{"failures STACK: the reasons of its failed events", s.failures},
		{"service CLUSTER/SERVICE", s.service},
		{"record: starts, deletions and mutations since the last record", s.record},
	}
	commands := map[string]ScriptCommand{}
	var help []string
	for _, e := range table {
		name, _, _ := strings.Cut(e.usage, " ")
		name = strings.TrimRight(name, ":,")
		help = append(help, e.usage)
		commands[name] = func(ctx context.Context, a []string, body string) (string, error) { return e.run(ctx, args(a), body) }
	}
	commands["help"] = func(context.Context, []string, string) (string, error) { return strings.Join(help, "\n"), nil }
	return commands
}

// args are a command's words: values by position, key=value and flags.
type args []string

func (a args) at(i int) string {
	if i < len(a) {
		return a[i]
	}
	return ""
}

func (a args) has(flag string) bool { return slices.Contains(a, flag) }

// value is that of the word KEY=value, or otherwise.
func (a args) value(key, otherwise string) string {
	for _, w := range a {
		if v, ok := strings.CutPrefix(w, key+"="); ok {
			return v
		}
	}
	return otherwise
}

func (s *script) advance(_ context.Context, a args, _ string) (string, error) {
	d, err := time.ParseDuration(a.at(0))
	if err == nil {
		s.c.Advance(d)
	}
	return "", err
}
