package main

import (
	"bytes"
	"fmt"
	"io"
	"sort"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

// patchImages changes the images by container or repository and tells on
// stderr what was changed, and what has to be changed elsewhere.
func patchImages(text []byte, images pairs, stderr io.Writer, opts func(*template.PatchOptions)) (*template.Patch, error) {
	used := map[string]bool{}
	decide := template.FirstOf(template.ByContainer(images), template.ByRepository(images))
	patch, err := template.PatchImages(text, func(i template.Image) (string, error) {
		for _, name := range []string{i.Container, i.Ref().Repository, i.Ref().Registry + "/" + i.Ref().Repository} {
			used[name] = true
		}
		return decide(i)
	}, opts)
	if err != nil {
		return nil, err
	}
	for _, e := range patch.Edits {
		fmt.Fprintf(stderr, "line %d: %s: %s -> %s\n", e.Line, e.Path, e.From, e.To)
	}
	failed := len(patch.Unpatched) > 0
	for _, s := range patch.Unpatched {
		fmt.Fprintln(stderr, s.Err)
		for _, p := range s.Sources {
			if p.Value == "" {
				continue
			}
			name := p.Name
			if p.Kind == "mapping" {
				name = p.Path
			}
			fmt.Fprintf(stderr, "  set %s %s to %s\n", p.Kind, name, p.Value)
		}
	}
	for _, h := range patch.Opaque {
		fmt.Fprintf(stderr, "line %d: %s: images here are made by %s and were not looked at\n", h.Line, h.Path, h.Fn)
	}
	var names []string
	for name := range images {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !used[name] {
			failed = true
			fmt.Fprintf(stderr, "no container or repository %s in the template\n", name)
		}
	}
	if failed {
		return nil, errUnchanged
	}
	return patch, nil
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
