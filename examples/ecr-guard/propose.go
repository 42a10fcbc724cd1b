package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/ecrx"
)

func propose(c *command) error {
	window := c.flags.Duration("window", 7*24*time.Hour, "for how long the proposal must hold")
	asJSON := c.flags.Bool("json", false, "print what was done to prove it too")
	cfg, err := c.parse()
	if err != nil {
		return err
	}
	if c.flags.NArg() != 1 {
		c.flags.Usage()
		return fmt.Errorf("%w: one repository", errUsage)
	}
	wanted, err := c.collect(cfg, nil)
	if err != nil {
		return err
	}
	if err := c.unknown(); err != nil {
		return err // what is not known cannot be kept
	}
	repo := ecrx.Repository{Region: cfg.Region, Name: c.flags.Arg(0)}
	here := wanted[:0:0]
	for _, n := range wanted {
		if n.Image.Repository == repo.Name && n.Image.Region == repo.Region {
			here = append(here, n)
		}
	}
	api := ecr.NewFromConfig(cfg)
	images, err := repo.Images(c.ctx, api)
	if err != nil {
		return err
	}
	got, err := api.GetLifecyclePolicy(c.ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: &repo.Name})
	if _, none := errors.AsType[*types.LifecyclePolicyNotFoundException](err); none {
		return fmt.Errorf("repository %s: no lifecycle policy: nothing expires", repo)
	}
	if err != nil {
		return err
	}
	policy, err := ecrx.ParsePolicy(aws.ToString(got.LifecyclePolicyText))
	if err != nil {
		return err
	}
	p, err := policy.Propose(images, here, func(o *ecrx.ProposeOptions) { o.Window = *window })
	switch {
	case err != nil:
		return err
	case *asJSON:
		err = c.json(p)
	default:
		_, err = fmt.Fprintln(c.stdout, p.New)
		for _, d := range p.Pin {
			fmt.Fprintf(c.flags.Output(), "pin first: %s\n", d)
		}
	}
	if err == nil && len(p.Absent) > 0 {
		return fmt.Errorf("%w: %v", errGone, p.Absent)
	}
	return err
}
