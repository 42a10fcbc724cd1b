package rescue

import (
	"regexp"
)

// sourceImage is what Lambda says of an image that a function cannot be set to
// (docs/aws/cfn.md 8.5).
var sourceImage = regexp.MustCompile(`Source image (\S+) does not exist`)

// sourceImages are the images that functions could not go back to.
func (b *Bundle) sourceImages() []string {
	var out []string
	for _, f := range b.Tree.Causes().Rollback {
		if m := sourceImage.FindStringSubmatch(f.Reason); f.Type == functionType && m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

// functionsGoBack refuses a continue that skips nothing where a function would fail
// in it again: its old image is gone.
func (p *planner) functionsGoBack() error {
	for _, ref := range p.b.sourceImages() {
		next := "push image " + ref + " again, or choose hold, which skips the function"
		switch i := p.b.Images[ref]; {
		case i.State == "unknown" || i.State == "":
			return unknown(next, "a function goes back to image %s, and whether that is there is not known: %s", ref, i.Error)
		case !i.State.Usable() && i.State != "external":
			return refuse(next, "a function cannot go back: image %s is %s", ref, i.State)
		}
	}
	return nil
}
