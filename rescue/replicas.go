package rescue

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// replicas looks for images of recorded revisions that their repositories have lost in
// the regions to which their registries replicate: replicas outlive what a lifecycle
// policy expires, unless deletions are replicated too
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication-delete.html).
// A replica in another account is not looked for: its owner has it.
func (c *capturer) replicas(ctx context.Context) error {
	lost := map[string]ecrx.Image{} // by reference
	regions := map[string][]ecrtypes.ReplicationRule{}
	for _, ref := range c.b.recordedRefs() {
		if c.b.Images[ref].State != "missing" {
			continue
		}
		img, err := ecrx.Parse(ref)
		if err != nil || img.Account != c.b.Account {
			continue
		}
		lost[ref], regions[img.Region] = img, nil
	}
	unread := map[string]string{} // by region
	for region := range regions {
		out, err := c.c.ecr.DescribeRegistry(ctx, &ecr.DescribeRegistryInput{}, func(o *ecr.Options) { o.Region = region })
		switch {
		case ctx.Err() != nil:
			return err
		case err != nil:
			unread[region] = redact.Text(err.Error())
		case out.ReplicationConfiguration != nil:
			regions[region] = out.ReplicationConfiguration.Rules
		}
	}
	at := map[string][]string{} // what each may be, by reference
	var all []string
	for ref, img := range lost {
		for _, region := range destinations(regions[img.Region], img) {
			replica := img
			replica.Registry = strings.Replace(img.Registry, "."+img.Region+".", "."+region+".", 1)
			at[ref] = append(at[ref], replica.String())
			all = append(all, replica.String())
		}
	}
	if len(lost) == 0 {
		return nil
	}
	slices.Sort(all)
	statuses, err := ecrx.Check(ctx, c.c.ecr, slices.Compact(all))
	if err != nil {
		return err
	}
	for ref, img := range lost {
		f := c.b.Images[ref]
		f.ReplicasUnread = unread[img.Region]
		for _, s := range statuses {
			switch {
			case !slices.Contains(at[ref], s.Ref):
			case s.State == "unknown":
				f.ReplicasUnread = cmp.Or(f.ReplicasUnread, redact.Text(s.Err().Error()))
			case s.State.Usable() && s.Digest == img.Digest:
				f.Replicas = append(f.Replicas, s.Ref)
			}
		}
		slices.Sort(f.Replicas)
		c.b.Images[ref] = f
	}
	return nil
}

// destinations are the other regions of the same account to which a repository is
// replicated.
func destinations(rules []ecrtypes.ReplicationRule, img ecrx.Image) []string {
	var out []string
	for _, r := range rules {
		if len(r.RepositoryFilters) > 0 && !slices.ContainsFunc(r.RepositoryFilters, func(f ecrtypes.RepositoryFilter) bool {
			return strings.HasPrefix(img.Repository, aws.ToString(f.Filter))
		}) {
			continue
		}
		for _, d := range r.Destinations {
			if region := aws.ToString(d.Region); aws.ToString(d.RegistryId) == img.Account && region != img.Region && !slices.Contains(out, region) {
				out = append(out, region)
			}
		}
	}
	return out
}
