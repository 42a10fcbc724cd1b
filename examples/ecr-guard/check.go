package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/ecrx"
)

func check(c *command) error {
	window := c.flags.Duration("window", 7*24*time.Hour, "for how long the images should be safe")
	trail := c.flags.String("trail", "", "file with the output of aws cloudtrail lookup-events, to explain what is missing")
	pushes := c.flags.Int("pushes", 0, "for rules that count: how many pushes to expect within the window; 0 for as many as in the last 30 days, -1 for none")
	indexes := c.flags.Bool("indexes", true, "where an untagged image is needed by digest, read what the repository's indexes list; ECR counts that as a pull")
	asJSON := c.flags.Bool("json", false, "print JSON")
	cfg, err := c.parse()
	if err != nil {
		return err
	}
	wanted, err := c.collect(cfg, c.flags.Args())
	if err != nil {
		return err
	}
	if len(wanted) == 0 && c.needs.given() {
		fmt.Fprintln(c.stdout, "no image is needed")
		return c.unknown()
	}
	if len(wanted) == 0 {
		c.flags.Usage()
		return fmt.Errorf("%w: no image is named", errUsage)
	}
	var refs []string
	for _, n := range wanted {
		refs = append(refs, n.Ref())
	}
	api := ecr.NewFromConfig(cfg)
	statuses, err := ecrx.Check(c.ctx, api, refs, func(o *ecrx.CheckOptions) {
		o.Policies, o.PullThrough = api, api
		if *indexes {
			o.Manifests = api
		}
	})
	if err != nil {
		return err
	}
	until := time.Now().Add(*window + 24*time.Hour)
	report := &ecrx.AuditReport{At: time.Now().UTC(), Until: until.UTC(), Pushes: *pushes}
	blind := false
	for i, s := range statuses {
		report.Needs = append(report.Needs, ecrx.NeedStatus{Status: s, By: wanted[i].By})
		blind = blind || s.State.Usable() && s.Headroom == nil
	}
	if err := c.print(api, report, *asJSON, *trail); err != nil {
		return err
	}
	switch {
	case len(report.Gone()) > 0:
		return errGone
	case len(report.Unknown()) > 0 || blind || len(c.blind) > 0:
		return errors.Join(c.unknown(), errUnknown)
	case len(report.Losing()) > 0:
		return errLosing
	}
	return nil
}

func (c *command) print(api *ecr.Client, report *ecrx.AuditReport, asJSON bool, trail string) error {
	if asJSON {
		return c.json(report.Needs)
	}
	for _, s := range report.Needs {
		fmt.Fprintf(c.stdout, "%s\n  needed by %s\n", s.Status, strings.Join(s.By, ", "))
		if way := next(s.Status); way != "" {
			fmt.Fprintf(c.stdout, "  %s\n", way)
		}
		if !s.State.Gone() {
			continue
		}
		e, err := s.Image.Explain(c.ctx, api, func(o *ecrx.ExplainOptions) {
			if trail != "" {
				o.Events = c.events(trail)
			}
		})
		if err != nil {
			return err
		}
		if e.Gone != nil {
			fmt.Fprintf(c.stdout, "  %s\n", e.Gone)
		}
		for _, x := range e.Candidates {
			fmt.Fprintf(c.stdout, "  could be %s: %s\n", x.Image, x.How)
		}
	}
	return nil
}

// next is what to do about an image, where that is known.
func next(s ecrx.Status) string {
	switch s.State {
	case "archived":
		return fmt.Sprintf("restore it: aws ecr update-image-storage-class --repository-name %s --image-id imageDigest=%s --target-storage-class STANDARD; it takes up to 20 minutes", s.Image.Repository, s.Digest)
	case "tag-moved":
		return fmt.Sprintf("what runs is %s, pushed %s: pin it, or deploy what the tag names now", s.Digest, s.PushedAt.UTC().Format(time.RFC3339))
	}
	return ""
}

// events are the CloudTrail events in a file.
func (c *command) events(file string) func(context.Context, ecrx.Repository) iter.Seq2[[]byte, error] {
	return func(context.Context, ecrx.Repository) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			text, err := c.read(file)
			if err != nil {
				yield(nil, err)
				return
			}
			for d := json.NewDecoder(strings.NewReader(text)); ; {
				var page struct {
					Events []struct{ CloudTrailEvent string }
				}
				if err := d.Decode(&page); err == io.EOF {
					return
				} else if err != nil {
					yield(nil, fmt.Errorf("%s: %w", file, err))
					return
				}
				for _, e := range page.Events {
					if !yield([]byte(e.CloudTrailEvent), nil) {
						return
					}
				}
			}
		}
	}
}
