package tree

import "bytes"

// blockEnd returns where the last line with text of a block scalar ends.
func (d *Doc) blockEnd(n *Node, i int) int {
	b := d.block(n, i)
	if len(b) == 0 {
		return min(d.lineEnd(i), len(bytes.TrimRight(d.Text[:d.lineEnd(i)], " \t")))
	}
	last := b[len(b)-1]
	return last.start + len(bytes.TrimRight(d.Text[last.start:last.end], " \t"))
}

// blockLine is a line of a block scalar: its text without the indentation.
type blockLine struct{ start, end int }

// block returns the lines with text of the block scalar whose header is at i.
func (d *Doc) block(n *Node, i int) []blockLine {
	if len(bytes.Trim([]byte(n.Value), " \t\r\n")) == 0 {
		return nil
	}
	extra := 0 // indentation that is part of the first line's text
	for _, line := range bytes.Split([]byte(n.Value), []byte("\n")) {
		if len(bytes.TrimLeft(line, " ")) > 0 {
			extra = len(line) - len(bytes.TrimLeft(line, " "))
			break
		}
	}
	var out []blockLine
	indent := -1
	for i = d.lineEnd(i); i < len(d.Text); {
		i += breakAt(d.Text, i)
		end := d.lineEnd(i)
		line := d.Text[i:end]
		text := bytes.TrimLeft(line, " ")
		if len(text) > 0 && (indent >= 0 || len(bytes.TrimLeft(text, "\t")) > 0) {
			in := len(line) - len(text)
			if indent < 0 {
				indent = max(in-extra, 0)
			}
			if in < indent {
				break
			}
			if len(bytes.TrimLeft(text, " \t")) > 0 {
				out = append(out, blockLine{i + indent, end})
			}
		}
		i = end
	}
	return out
}
