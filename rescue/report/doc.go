// Package report tells people what happened: as text for a terminal, as
// Markdown for a pull request or a CI job, as JSON for programs, and as one HTML
// page that needs nothing else.
//
//	d, err := rescue.Diagnose(ctx, cfg, "prod")
//	story := report.Tell(report.Input{Diagnosis: d, Captures: []*rescue.Bundle{d.Evidence()}})
//	err = story.Text(os.Stdout, report.TextOptions{Width: 80})
//	err = story.Markdown(os.Stdout)
//	err = story.HTML(file)
//	err = (&report.Folder{Path: "incident"}).SavePlan(p) // and everything else of it
//
// Whatever comes from a log, a template or AWS goes through one redactor and one
// neutraliser before it is shown: no secret is in it, and nothing in it can act
// on a terminal, a CI system or a browser.
//
// The package is experimental: it may change with every minor version.
package report
