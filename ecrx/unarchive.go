package ecrx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// UnarchiveAPI is DescribeImages, UpdateImageStorageClass and BatchGetImage of
// *ecr.Client; the last only for indexes, to learn what they list.
type UnarchiveAPI interface {
	ecr.DescribeImagesAPIClient
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	UpdateImageStorageClass(context.Context, *ecr.UpdateImageStorageClassInput, ...func(*ecr.Options)) (*ecr.UpdateImageStorageClassOutput, error)
}

// UnarchiveOptions change [Repository.Unarchive]. The zero value is the default.
type UnarchiveOptions struct {
	// Interval is the time between polls. Defaults to 15 s.
	Interval time.Duration
	// Observe is called with each change. Nil for nothing.
	Observe func(Event)
}

// Unarchive restores images of the repository from the archive storage class,
// and with an index what it lists, and waits until all are active: "typically
// up to 20 minutes"
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html).
// It returns the digests that it had to restore; those that were active already
// are left alone. A digest that is not there is a *[StatusError].
//
// Calls ecr:DescribeImages, ecr:UpdateImageStorageClass once for each archived
// image, ecr:BatchGetImage for indexes. Safe to repeat: it goes on where it
// stopped.
func (repo Repository) Unarchive(ctx context.Context, api UnarchiveAPI, digests []string, optFns ...func(*UnarchiveOptions)) ([]string, error) {
	u := unarchiver{api: api, repo: repo, wanted: slices.Compact(slices.Sorted(slices.Values(digests))), asked: map[string]bool{}, opened: map[string]bool{}, no: map[string]bool{}}
	for _, fn := range optFns {
		if fn != nil {
			fn(&u.opts)
		}
	}
	u.opts.Interval = cmp.Or(u.opts.Interval, 15*time.Second)
	last := Event{Done: -1}
	observe := func(e Event) {
		e.Repository = repo
		if u.opts.Observe != nil {
			u.opts.Observe(e)
		}
	}
	for e, err := range awsretry.Every(ctx, u.opts.Interval, u.look, func(o *poll.Options) {
		o.Retried = func(err error) { observe(Event{What: "archive", Done: max(last.Done, 0), Of: len(u.wanted), Err: err}) }
	}) {
		if err != nil {
			return u.restored(), fmt.Errorf("repository %s: unarchive: %w", repo, err)
		}
		if e.Done != last.Done || e.Of != last.Of || len(e.Asked) > 0 {
			observe(e)
		}
		if last = e; e.Done == e.Of {
			break
		}
	}
	return u.restored(), nil
}

type unarchiver struct {
	api    UnarchiveAPI
	repo   Repository
	opts   UnarchiveOptions
	wanted []string        // grows by what indexes list
	asked  map[string]bool // seen on its way
	opened map[string]bool // indexes whose list is known
	no     map[string]bool // refused once
}

func (u *unarchiver) restored() []string {
	var out []string
	for _, d := range u.wanted {
		if u.asked[d] {
			out = append(out, d)
		}
	}
	return out
}

// look is one round: read the state of everything, ask for what is archived.
func (u *unarchiver) look(ctx context.Context) (Event, error) {
	e := Event{What: "archive"}
	stored, err := u.describe(ctx)
	if err != nil {
		return e, err
	}
	for _, d := range u.wanted {
		x := stored[d]
		switch {
		case x == nil:
			return e, &StatusError{Status{Ref: u.repo.Name + "@" + d, State: stateMissing, Image: Image{Account: u.repo.Account, Region: u.repo.Region, Repository: u.repo.Name, Digest: d}}}
		case x.Status == types.ImageStatusArchived:
			changed, err := u.ask(ctx, d)
			if err != nil {
				return e, err
			}
			if changed && !u.asked[d] {
				e.Asked = append(e.Asked, d)
			}
			u.asked[d] = true
		case x.Status == types.ImageStatusActivating:
			u.asked[d] = true
		default:
			if x.Index() && !u.opened[d] {
				found, err := readManifests(ctx, u.api, u.repo, []string{d})
				if err != nil {
					return e, err
				}
				for _, c := range found[d].Children() {
					if !slices.Contains(u.wanted, c) {
						u.wanted = append(u.wanted, c)
					}
				}
				u.opened[d] = true
			}
			e.Done++
		}
	}
	e.Of = len(u.wanted)
	return e, nil
}

// describe is every wanted image; nil for one that is not there.
func (u *unarchiver) describe(ctx context.Context) (map[string]*Stored, error) {
	out := map[string]*Stored{}
	for chunk := range slices.Chunk(u.wanted, maxIDs) {
		var ids []types.ImageIdentifier
		for _, d := range chunk {
			ids = append(ids, types.ImageIdentifier{ImageDigest: &d})
		}
		found, err := byIDs(ctx, u.api, u.repo, ids)
		if isA[*types.ImageNotFoundException](err) || noIDs(err) {
			found, err = u.repo.Images(ctx, u.api)
		}
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			out[x.Digest] = &x
		}
	}
	return out, nil
}

// ask asks for the restore of one image. A refusal may mean that it is on its
// way already: the next round shows; a second one is final.
func (u *unarchiver) ask(ctx context.Context, digest string) (bool, error) {
	_, err := u.api.UpdateImageStorageClass(ctx, &ecr.UpdateImageStorageClassInput{
		RegistryId: u.repo.registry(), RepositoryName: &u.repo.Name, ImageId: &types.ImageIdentifier{ImageDigest: &digest}, TargetStorageClass: types.TargetStorageClassStandard,
	}, u.repo.there)
	if isA[*types.ImageStorageClassUpdateNotSupportedException](err) && !u.no[digest] {
		u.no[digest] = true
		return false, nil
	}
	return err == nil, err
}
