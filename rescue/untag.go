package rescue

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/ecrx"
)

// untag takes the tags away that stood in for others, and their marks, once nothing of
// the stack names them.
func (p *payer) untag() error {
	journal, err := p.entries()
	if err != nil {
		return err
	}
	var errs []error
	var seen []string
	for _, r := range journal {
		ref, ok := strings.CutPrefix(r.Subject, "image ")
		if !ok || r.Kind != kindStandIn || r.Outcome != outcomeBegun || slices.Contains(seen, ref) {
			continue
		}
		seen = append(seen, ref)
		img, err := ecrx.Parse(ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		img.Digest = r.To
		if err := p.untagOne(img); err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", ref, err))
		}
	}
	return errors.Join(errs...)
}

func (p *payer) untagOne(img ecrx.Image) error {
	name := tagOf(img)
	if by := p.names(name); by != "" {
		p.open("tag %s stands in for an image that is gone, and %s still names it: it stays", name, by)
		return nil
	}
	if unread := p.unread(); unread != "" {
		p.open("tag %s stands in for an image that is gone, and stays: what uses images could not all be read: %s", name, unread)
		return nil
	}
	dry := func(o *ecrx.TagOptions) { o.DryRun, o.Prefix = p.f.DryRun, standInMark }
	gone, err := img.Unpin(p.ctx, p.c.ecr, dry)
	if errors.Is(err, ecrx.ErrLastTag) {
		p.open("tag %s is the last of its image, which would go with it: it stays", name)
		return nil
	}
	if err != nil {
		return err
	}
	img.Tag = ""
	mark, err := img.Unpin(p.ctx, p.c.ecr, dry)
	if errors.Is(err, ecrx.ErrLastTag) {
		err = nil // harmless
	}
	if len(gone)+len(mark) > 0 {
		p.done("tag %s, which stood in for an image that is gone, is taken away", name)
	}
	return err
}

// names is who of the stack names an image; "" for nobody.
func (p *payer) names(ref string) string {
	for _, s := range p.b.Services {
		for _, arn := range uniq([]string{s.Current, s.Back, s.Serving()}) {
			for _, c := range s.Definitions[arn].Containers {
				if c.Image == ref {
					return short(arn)
				}
			}
		}
	}
	for _, arn := range sortedKeys(p.b.Recorded) {
		for _, c := range p.b.Recorded[arn].Containers {
			if c.Image == ref {
				return short(arn)
			}
		}
	}
	return ""
}
