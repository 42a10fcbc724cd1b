package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

// listed is one file's line of -list -json.
type listed struct {
	File  string  `json:"file"`
	Error *string `json:"error"` // null where the file was read
	Exprs []expr  `json:"exprs"`
}

// expr is one image expression; start and end are byte offsets.
type expr struct {
	Resource  string  `json:"resource"`
	Type      string  `json:"type"`
	Scope     string  `json:"scope"`     // core: what runs containers; ext: builds, jobs and catalogues
	Container *int    `json:"container"` // index in its list, null outside of one
	Name      string  `json:"name,omitempty"`
	Path      string  `json:"path"`
	Kind      string  `json:"kind"`
	Raw       string  `json:"raw"`
	Start     int     `json:"start"`
	End       int     `json:"end"`
	Line      int     `json:"line"`
	Value     *string `json:"value"`
	Text      string  `json:"text,omitempty"` // what it comes to, open parts as ${Name}
	Leaves    []expr  `json:"leaves,omitempty"`
}

// listImages prints the images of the files. A file that is no template is
// told and does not end the list, but makes it fail.
func listImages(files []string, asJSON bool, stdin io.Reader, w io.Writer, opts func(*template.Options)) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	var failed error
	for _, file := range files {
		text, err := read(file, stdin)
		var found *template.FindResult
		if err == nil {
			found, err = template.FindImages(text, opts)
		}
		line := listed{File: file, Exprs: []expr{}}
		if err != nil {
			s := err.Error()
			line.Error, failed = &s, errors.Join(failed, fmt.Errorf("%s: %w", file, err))
			found = &template.FindResult{}
		}
		for _, i := range found.Images {
			line.Exprs = append(line.Exprs, listedExpr(i))
		}
		if asJSON {
			if err := enc.Encode(line); err != nil {
				return err
			}
			continue
		}
		for _, i := range found.Images {
			fmt.Fprintf(w, "%s:%d:%d: %s %s: %s\n", file, i.Line, i.Column, i.Resource, i.Kind, i.Text)
		}
	}
	return failed
}

func listedExpr(i template.Image) expr {
	e := expr{Resource: i.Resource, Type: i.Type, Scope: "ext", Path: i.Path, Kind: i.Kind, Raw: i.Raw,
		Start: i.Start, End: i.End, Line: i.Line, Text: i.Text}
	switch i.Type {
	case "AWS::ECS::TaskDefinition", "AWS::ECS::DaemonTaskDefinition", "AWS::ECS::ExpressGatewayService",
		"AWS::Lambda::Function", "AWS::Serverless::Function", "AWS::Batch::JobDefinition", "AWS::AppRunner::Service",
		"AWS::SageMaker::Model", "AWS::Lightsail::Container":
		e.Scope = "core"
	}
	if i.Index >= 0 {
		e.Container, e.Name = &i.Index, i.Container
	}
	if i.Value != "" || i.Kind == "literal" {
		e.Value = &i.Value
	}
	for _, b := range i.Branches {
		e.Leaves = append(e.Leaves, listedExpr(b))
	}
	return e
}
