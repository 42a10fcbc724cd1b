package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/ecrx"
)

func pin(c *command) error {
	exact := c.flags.Bool("exact", false, "take away the pins of images that are not needed too")
	apply := c.flags.Bool("apply", false, "do it; without it, only say what would be done")
	cfg, err := c.parse()
	if err != nil {
		return err
	}
	wanted, err := c.collect(cfg, c.flags.Args())
	if err != nil {
		return err
	}
	if err := c.unknown(); err != nil {
		return err // what is not known cannot be kept
	}
	api := ecr.NewFromConfig(cfg)
	var refs []string
	for _, n := range wanted {
		refs = append(refs, n.Ref())
	}
	statuses, err := ecrx.Check(c.ctx, api, refs)
	if err != nil {
		return err
	}
	digests, images := map[ecrx.Repository][]string{}, map[ecrx.Repository]ecrx.Image{}
	var gone, unknown bool
	for _, s := range statuses {
		switch {
		case s.State.Usable():
			digests[s.Image.Repo()] = append(digests[s.Image.Repo()], s.Digest)
			images[s.Image.Repo()] = s.Image
		case s.State.Gone():
			gone = true
			fmt.Fprintln(c.stdout, s)
		case s.State == "unknown":
			unknown = true
			fmt.Fprintln(c.stdout, s)
		}
	}
	if *exact && (gone || unknown) { // too little is known to take pins away
		*exact = false
		fmt.Fprintln(c.stdout, "no pins are taken away: not all needed images are known")
	}
	options := func(o *ecrx.TagOptions) {
		o.DryRun = !*apply
	}
	for _, repo := range slices.SortedFunc(maps.Keys(images), func(a, b ecrx.Repository) int { return strings.Compare(a.String(), b.String()) }) {
		if err := c.pinOne(api, images[repo], digests[repo], *exact, options); err != nil {
			return err
		}
	}
	switch {
	case gone:
		return errGone
	case unknown:
		return errUnknown
	}
	return nil
}

func (c *command) pinOne(api *ecr.Client, repository ecrx.Image, digests []string, exact bool, options func(*ecrx.TagOptions)) error {
	if exact {
		r, err := repository.ReconcilePins(c.ctx, api, digests, options)
		if err != nil {
			return err
		}
		for _, p := range r.Pinned {
			fmt.Fprintf(c.stdout, "pin %s\n", p.Image)
		}
		for _, e := range r.Unpinned {
			fmt.Fprintf(c.stdout, "unpin %s:%s@%s\n", repository.Name(), e.Tag, e.From)
		}
		if !r.Covered {
			fmt.Fprintf(c.stdout, "repository %s: the first rule of its policy does not keep the pins; see propose\n", r.Repository)
		}
		return nil
	}
	for _, d := range slices.Compact(slices.Sorted(slices.Values(digests))) {
		repository.Tag, repository.Digest = "", d
		p, err := repository.Pin(c.ctx, api, options)
		if err != nil {
			return err
		}
		if p.Changed {
			fmt.Fprintf(c.stdout, "pin %s\n", p.Image)
		}
	}
	return nil
}
