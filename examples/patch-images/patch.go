package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

// patchImages changes the images by container or repository and tells on
// stderr what was changed, and what has to be changed elsewhere.
func patchImages(text []byte, images pairs, stderr io.Writer, opts func(*template.Options)) (*template.Patch, error) {
	used, at := map[string]bool{}, map[string][]string{}
	decide := template.FirstOf(template.ByContainer(images), template.ByRepository(images))
	var all []template.Image
	patch, err := template.PatchImages(text, func(i template.Image) (string, error) {
		all = append(all, i)
		ref := i.Ref()
		for _, name := range []string{i.Container, i.Resource + "." + i.Container, ref.Repository, ref.Registry + "/" + ref.Repository} {
			used[name] = true
		}
		if i.Container == "" {
			used[i.Resource] = true
		}
		if images[i.Container] != "" && images[i.Resource+"."+i.Container] == "" && !slices.Contains(at[i.Container], i.Resource) {
			at[i.Container] = append(at[i.Container], i.Resource)
		}
		return decide(i)
	}, opts)
	if err != nil {
		return nil, err
	}
	failed := len(patch.Unpatched) > 0
	for _, name := range slices.Sorted(maps.Keys(at)) {
		if resources := at[name]; len(resources) > 1 {
			failed = true
			fmt.Fprintf(stderr, "container %s is in %s: name it as %s.%s or %s.%s, or both\n", name, strings.Join(resources, " and "), resources[0], name, resources[1], name)
		}
	}
	for _, e := range patch.Edits {
		if !failed {
			fmt.Fprintf(stderr, "line %d: %s: %s -> %s\n", e.Line, e.Path, e.From, e.To)
		}
	}
	for _, s := range patch.Unpatched {
		fmt.Fprintln(stderr, s.Err)
		advise(stderr, s, all)
	}
	for _, h := range patch.Opaque {
		fmt.Fprintf(stderr, "line %d: %s: images here are made by %s and were not looked at\n", h.Line, h.Path, h.Fn)
	}
	for _, name := range slices.Sorted(maps.Keys(images)) {
		if !used[name] {
			failed = true
			if len(all) == 0 {
				fmt.Fprintf(stderr, "no container or repository %s in the template: it has no image\n", name)
				continue
			}
			fmt.Fprintf(stderr, "no container or repository %s in the template: name one of %s\n", name, strings.Join(namesOf(all), ", "))
			if slices.ContainsFunc(all, func(i template.Image) bool { return strings.HasPrefix(i.Resource, "Fn::ForEach::") }) {
				fmt.Fprintln(stderr, "  a loop makes images whose containers have no name of their own: name them as the loop's resource, which changes all that it makes")
			}
		}
	}
	if failed {
		return nil, errUnchanged
	}
	return patch, nil
}

// advise says what to change instead, and what else that changes.
func advise(w io.Writer, u template.Unpatched, all []template.Image) {
	for _, p := range u.Sources {
		name := p.Name
		if p.Kind == "mapping" {
			name = p.Path
		}
		switch {
		case p.Refused != "":
			fmt.Fprintf(w, "  %s %s does not take %s: %s\n", p.Kind, name, p.Value, p.Refused)
		case p.Value != "":
			fmt.Fprintf(w, "  set %s %s to %s\n", p.Kind, name, p.Value)
		case p.Kind == "mapping":
			fmt.Fprintf(w, "  it comes from mapping %s: give -region and -account as far as its keys need them, or change %s\n", p.Name, p.Path)
		case p.Kind != "inline" && p.Kind != "pseudo" && p.Kind != "parameter" && p.Kind != "condition":
			fmt.Fprintf(w, "  it comes from %s %s: change it there, or put a reference in the place of the expression\n", p.Kind, name)
		default:
			continue
		}
		var moved []string
		for _, i := range all {
			other := i.Resource + "." + i.Container
			reads := slices.ContainsFunc(i.Sources, func(s template.Source) bool { return s.Kind == p.Kind && s.Name == p.Name && s.Path == p.Path })
			if reads && i.Path != u.Image.Path && !slices.Contains(moved, other) {
				moved = append(moved, other)
			}
		}
		if len(moved) > 0 {
			fmt.Fprintf(w, "    that changes %s too\n", strings.Join(moved, ", "))
		}
	}
}

// namesOf are the names by which the images of a template may be asked for.
func namesOf(images []template.Image) []string {
	var out []string
	for _, i := range images {
		name := i.Container
		if name == "" {
			name = i.Resource
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// writeDiff prints the edits as a unified diff without context.
func writeDiff(w io.Writer, name string, text []byte, patch *template.Patch) error {
	if len(patch.Edits) == 0 {
		return nil
	}
	if name == "-" {
		name = "template"
	}
	out := fmt.Sprintf("--- %s\n+++ %s\n", name, name)
	shift, lines := 0, 0 // of bytes and lines so far, patched against given
	for i := 0; i < len(patch.Edits); {
		from, to, grow := patch.Edits[i].Start, patch.Edits[i].End, 0
		line := 1 + bytes.Count(text[:from], []byte("\n"))
		from = bytes.LastIndexByte(text[:from], '\n') + 1
		for {
			end := lineEnd(text, to)
			grow += len(patch.Edits[i].New) - len(patch.Edits[i].Old)
			if i++; i == len(patch.Edits) || patch.Edits[i].Start >= end {
				to = end
				break
			}
			to = patch.Edits[i].End
		}
		old, now := text[from:to], patch.Template[from+shift:to+shift+grow]
		out += fmt.Sprintf("@@ -%d,%d +%d,%d @@\n", line, countLines(old), line+lines, countLines(now))
		out += prefixed("-", old) + prefixed("+", now)
		shift, lines = shift+grow, lines+countLines(now)-countLines(old)
	}
	_, err := io.WriteString(w, out)
	return err
}

func lineEnd(b []byte, i int) int {
	if j := bytes.IndexByte(b[i:], '\n'); j >= 0 {
		return i + j + 1
	}
	return len(b)
}

func countLines(b []byte) int {
	return len(bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n")))
}

func prefixed(sign string, b []byte) string {
	s := ""
	for _, line := range bytes.SplitAfter(b, []byte("\n")) {
		if len(line) > 0 {
			s += sign + string(line)
		}
	}
	if !bytes.HasSuffix(b, []byte("\n")) {
		s += "\n\\ No newline at end of file\n"
	}
	return s
}
