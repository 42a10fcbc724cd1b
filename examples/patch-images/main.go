// Command patch-images changes the container images of a CloudFormation
// template, YAML or JSON, and not one byte else.
//
//	patch-images -template app.yaml -image backend=REF [-image …] [-o FILE | -diff | -list]
//	patch-images -list [-json] FILE…
//
// The template is read from standard input where -template is not given, and
// the patched one goes to standard output where -o is not. The name before the
// = is a container, or else a repository; a container of a name that occurs in
// several resources is Resource.container. REF is a whole reference, or :tag or
// @digest alone.
//
// Exit codes: 0 done, also where there was nothing to change; 1 the template
// was refused or could not be read or written; 2 wrong usage; 3 an image asked
// for is not in the template, or cannot be changed there: nothing is written,
// and what to change instead is told on standard error.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

var (
	errUsage     = errors.New("wrong usage")
	errUnchanged = errors.New("not every image could be changed; nothing was written")
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "patch-images:", err)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case errors.Is(err, errUnchanged):
		os.Exit(3)
	default:
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("patch-images", flag.ContinueOnError)
	fs.SetOutput(stderr)
	images, params := pairs{}, pairs{}
	file := fs.String("template", "-", "template to patch, - for standard input")
	fs.Var(images, "image", "container=REF or repository=REF; may be repeated")
	fs.Var(params, "parameter", "stack parameter NAME=VALUE, in place of its default; may be repeated")
	account := fs.String("account", "", "value of AWS::AccountId")
	region := fs.String("region", "", "value of AWS::Region")
	partition := fs.String("partition", "", "value of AWS::Partition")
	original := fs.Bool("original", false, "the template is its author's file, its question marks are meant")
	out := fs.String("o", "", "write the patched template to this file")
	diff := fs.Bool("diff", false, "print what would change as a diff (patch -u0)")
	list := fs.Bool("list", false, "print every image instead of patching")
	asJSON := fs.Bool("json", false, "with -list: one JSON object per file")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	find := func(o *template.Options) {
		o.Parameters, o.Account, o.Region, o.Partition = params, *account, *region, *partition
	}
	switch {
	case *list:
		files := fs.Args()
		if len(files) == 0 {
			files = []string{*file}
		}
		return listImages(files, *asJSON, stdin, stdout, find)
	case len(images) == 0 || fs.NArg() > 0 || *diff && *out != "" || *asJSON:
		fs.Usage()
		return errUsage
	}
	text, err := read(*file, stdin)
	if err != nil {
		return err
	}
	patch, err := patchImages(text, images, stderr, func(o *template.Options) {
		find(o)
		o.Original = *original
	})
	switch {
	case err != nil:
		return err
	case *diff:
		return writeDiff(stdout, *file, text, patch)
	case *out != "":
		return os.WriteFile(*out, patch.Template, 0o644)
	}
	_, err = stdout.Write(patch.Template)
	return err
}

func read(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}
