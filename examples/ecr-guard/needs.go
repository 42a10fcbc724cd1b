package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// needs are the flags that say what must exist.
type needs struct{ clusters, services, stacks, refs, functions texts }

// texts is a flag that may be given more than once.
type texts []string

func (t *texts) String() string     { return "" }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

func (n *needs) flags(fs *flag.FlagSet) {
	fs.Var(&n.clusters, "cluster", "ECS cluster whose images are needed; may be repeated")
	fs.Var(&n.services, "service", "ECS service CLUSTER/NAME; may be repeated")
	fs.Var(&n.stacks, "stack", "stack whose task definitions are needed; may be repeated")
	fs.Var(&n.refs, "refs", "file of references, one per line, - for standard input; may be repeated")
	fs.Var(&n.functions, "lambda", "file with the output of aws lambda get-function; may be repeated")
}

// given reports whether a source was named.
func (n *needs) given() bool {
	return len(n.clusters)+len(n.services)+len(n.stacks)+len(n.refs)+len(n.functions) > 0
}

// collect is everything that is needed. args are references, or - for standard
// input.
func (c *command) collect(cfg aws.Config, args []string) ([]ecrx.Need, error) {
	n := c.needs
	var sources []iter.Seq2[ecrx.Use, error]
	api := ecs.NewFromConfig(cfg)
	for _, cluster := range n.clusters {
		sources = append(sources, ecsx.Uses(c.ctx, api, cluster))
	}
	for _, name := range n.services {
		s := ecsx.ParseService(name)
		sources = append(sources, ecsx.Uses(c.ctx, api, s.Cluster, func(o *ecsx.UsesOptions) { o.Services = []string{s.Name} }))
	}
	for _, stack := range n.stacks {
		sources = append(sources, cfnx.Uses(c.ctx, cloudformation.NewFromConfig(cfg), stack, ecsx.TaskDefinitionImages(api)))
	}
	for _, arg := range args {
		if arg == "-" {
			n.refs = append(n.refs, "-")
			continue
		}
		sources = append(sources, ecrx.Refs("the command line", arg))
	}
	for _, file := range n.refs {
		text, err := c.read(file)
		if err != nil {
			return nil, err
		}
		if text == "" {
			return nil, fmt.Errorf("%s is empty, as one is whose command has failed: a line that begins with # says that nothing is needed", file)
		}
		sources = append(sources, ecrx.Refs(file, lines(text)...))
	}
	for _, file := range n.functions {
		text, err := c.read(file)
		if err != nil {
			return nil, err
		}
		sources = append(sources, c.functions(file, text))
	}
	return ecrx.InUse(c.ctx, sources...)
}

func (c *command) read(file string) (string, error) {
	if file == "-" {
		b, err := io.ReadAll(c.stdin)
		return string(b), err
	}
	b, err := os.ReadFile(file)
	return string(b), err
}

// byteOrderMark begins what Windows writes.
const byteOrderMark = "\ufeff"

// lines are those that are not empty and no comments.
func lines(text string) (out []string) {
	for l := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, l)
		}
	}
	return out
}

// function is what Lambda says of a function: get-function's answer, or an entry
// of list-functions, which has no image.
//
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html,
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
type function struct {
	FunctionName, FunctionArn, PackageType string
	Configuration                          *function
	Functions                              []function
	NextMarker, NextToken                  string
	Code                                   *struct{ ImageUri, ResolvedImageUri string }
}

// functions are the images of Lambda functions: the one that was set, and the
// digest that Lambda made of it, which is what runs. A function of package type
// Image whose image is not told is not known.
func (c *command) functions(file, text string) iter.Seq2[ecrx.Use, error] {
	return func(yield func(ecrx.Use, error) bool) {
		d := json.NewDecoder(strings.NewReader(text))
		for documents := 0; ; documents++ {
			var f function
			err := d.Decode(&f)
			if errors.Is(err, io.EOF) && documents > 0 {
				return
			}
			if err == nil && f.Functions == nil && f.name() == "" {
				err = errors.New("it names no function")
			}
			if err != nil { // an empty file as well: the call that was to write it has failed
				yield(ecrx.Use{}, fmt.Errorf("%s is not what aws lambda get-function prints: %w", file, err))
				return
			}
			if f.NextMarker+f.NextToken != "" {
				c.blind = append(c.blind, file+" is one page of a list of functions: others follow")
			}
			for _, x := range append(f.Functions, f) {
				for _, ref := range c.function(x) {
					if !yield(ref, nil) {
						return
					}
				}
			}
		}
	}
}

func (f function) configuration() function {
	if f.Configuration != nil {
		return *f.Configuration
	}
	return f
}

func (f function) name() string {
	c := f.configuration()
	return cmp.Or(c.FunctionArn, c.FunctionName)
}

// function is the images of one.
func (c *command) function(f function) (out []ecrx.Use) {
	conf, name := f.configuration(), f.name()
	if f.Code != nil {
		for _, ref := range []string{f.Code.ImageUri, f.Code.ResolvedImageUri} {
			if ref != "" {
				out = append(out, ecrx.Use{Ref: ref, By: "function " + name})
			}
		}
	}
	if len(out) == 0 && conf.PackageType == "Image" {
		c.blind = append(c.blind, "function "+name+": its image is not told here: use what aws lambda get-function prints")
	}
	return out
}
