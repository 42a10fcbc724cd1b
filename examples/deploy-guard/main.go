// Command deploy-guard says whether a rollback of a healthy stack would succeed,
// now and within the next days. It changes nothing, and is meant for every night
// and for the minute before a deployment.
//
//	deploy-guard -stack NAME[,NAME…] | -all [-within 336h] [-image REF[,REF…]] [-markdown FILE] [-html FILE] [-json]
//
// Exit codes: 0 every rollback would succeed; 1 a call failed; 2 wrong usage; 3
// one would fail, now or within the time; 4 no such stack here; 5 no access; 6
// none is known to fail, and not everything could be looked at.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
)

var (
	errUsage   = errors.New("usage: deploy-guard -stack NAME[,NAME…] | -all [-within 336h] [-image REF[,REF…]] [-markdown FILE] [-html FILE] [-json]")
	errAtRisk  = errors.New("a rollback would fail")
	errUnknown = errors.New("not everything could be looked at")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploy-guard:", err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errAtRisk):
		return 3
	case errors.Is(err, rescue.ErrNoStack):
		return 4
	case errors.Is(err, rescue.ErrNoAccess):
		return 5
	case errors.Is(err, errUnknown):
		return 6
	}
	return 1
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	return o.run(ctx, cfg, stdout)
}

// options are the program's flags.
type options struct {
	stacks, images []string
	all, json      bool
	within         time.Duration
	markdown, html string
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("deploy-guard", flag.ContinueOnError)
	stacks := f.String("stack", "", "names or ARNs of stacks")
	f.BoolVar(&o.all, "all", false, "every stack of the account and region that is not nested")
	f.DurationVar(&o.within, "within", 14*24*time.Hour, "for how long a rollback must stay possible")
	images := f.String("image", "", "images that are about to be deployed: they must be there and stay")
	f.StringVar(&o.markdown, "markdown", "", "add the report to this file as Markdown, such as $GITHUB_STEP_SUMMARY")
	f.StringVar(&o.html, "html", "", "write the report to this file as a page")
	f.BoolVar(&o.json, "json", false, "one JSON object for each stack on the standard output, and nothing else")
	if err := f.Parse(args); err != nil || f.NArg() > 0 || (*stacks == "") == !o.all || o.within <= 0 {
		return o, errUsage
	}
	if *stacks != "" {
		o.stacks = strings.Split(*stacks, ",")
	}
	if *images != "" {
		o.images = strings.Split(*images, ",")
	}
	return o, nil
}

func (o options) run(ctx context.Context, cfg aws.Config, w io.Writer) error {
	if o.all {
		var err error
		if o.stacks, err = roots(ctx, cloudformation.NewFromConfig(cfg)); err != nil {
			return err
		}
	}
	var reports []*rescue.GuardReport
	var failed []error
	cfg = rescue.ShareReads(cfg)
	for _, stack := range o.stacks {
		r, err := rescue.Guard(ctx, cfg, stack, func(g *rescue.GuardOptions) {
			g.Within, g.Images, g.Parameter = o.within, o.images, parameter(ssm.NewFromConfig(cfg))
			g.TargetHealth = elb.NewFromConfig(cfg)
		})
		if err != nil {
			if ctx.Err() != nil || len(o.stacks) == 1 {
				return err
			}
			failed = append(failed, err) // the others are looked at all the same
			continue
		}
		reports = append(reports, r)
		if o.json {
			if err := json.NewEncoder(w).Encode(r); err != nil {
				return err
			}
		}
	}
	if err := o.show(w, reports); err != nil {
		return err
	}
	return errors.Join(append([]error{verdict(reports)}, failed...)...)
}

// show tells what was found, in every form that was asked for.
func (o options) show(w io.Writer, reports []*rescue.GuardReport) error {
	story := report.Tell(report.Input{Guard: report.GuardOf(reports...), Program: "deploy-guard"})
	if !o.json {
		if err := story.Text(w, report.TextOptions{}); err != nil {
			return err
		}
	}
	if err := write(o.markdown, os.O_APPEND, story.Markdown); err != nil {
		return err
	}
	return write(o.html, os.O_TRUNC, story.HTML)
}

func write(name string, how int, to func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(to(f), f.Close())
}

func verdict(reports []*rescue.GuardReport) error {
	var failed, unknown []string
	for _, r := range reports {
		if len(r.Failed()) > 0 {
			failed = append(failed, r.Stack)
		} else if len(r.Unknown()) > 0 {
			unknown = append(unknown, r.Stack)
		}
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("%w: %s", errAtRisk, strings.Join(failed, ", "))
	case len(unknown) > 0:
		return fmt.Errorf("%w: %s", errUnknown, strings.Join(unknown, ", "))
	}
	return nil
}

// roots are the stacks that are not nested in another.
func roots(ctx context.Context, api *cloudformation.Client) ([]string, error) {
	var out []string
	for p := cloudformation.NewDescribeStacksPaginator(api, &cloudformation.DescribeStacksInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Stacks {
			if s.ParentId == nil && s.StackStatus != cfntypes.StackStatusReviewInProgress {
				out = append(out, aws.ToString(s.StackId))
			}
		}
	}
	return out, nil
}

// parameter reports whether a parameter exists. Its value is not read out of the
// answer.
func parameter(api *ssm.Client) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, name string) (bool, error) {
		_, err := api.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		if _, none := errors.AsType[*ssmtypes.ParameterNotFound](err); none {
			return false, nil
		}
		return err == nil, err
	}
}
