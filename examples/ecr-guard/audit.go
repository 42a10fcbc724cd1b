package main

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/ecrx"
)

func audit(c *command) error {
	window := c.flags.Duration("window", 7*24*time.Hour, "for how long what is needed should be safe")
	indexes := c.flags.Bool("indexes", false, "read what needed indexes list; ECR counts that as a pull")
	pushes := c.flags.Int("pushes", 0, "for rules that count: how many pushes to expect within the window; 0 for as many as in the last 30 days, -1 for none")
	asJSON := c.flags.Bool("json", false, "print the report as JSON")
	cfg, err := c.parse()
	if err != nil {
		return err
	}
	wanted, err := c.collect(cfg, nil)
	if err != nil {
		return err
	}
	api := ecr.NewFromConfig(cfg)
	report, err := ecrx.Audit(c.ctx, api, wanted, func(o *ecrx.AuditOptions) {
		o.Repositories, o.Window, o.Pushes = c.flags.Args(), *window, *pushes
		if *indexes {
			o.Manifests = api
		}
	})
	if err != nil {
		return err
	}
	if *asJSON {
		err = c.json(report)
	} else {
		err = report.WriteText(c.stdout)
	}
	if err != nil {
		return err
	}
	blind := false
	for _, r := range report.Repositories {
		blind = blind || r.Needed > 0 && r.Error != ""
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

func (c *command) json(v any) error {
	e := json.NewEncoder(c.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
