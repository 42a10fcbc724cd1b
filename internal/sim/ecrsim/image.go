package ecrsim

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// An image is one manifest of a repository: a platform's image, an index of
// such, or an artifact that refers to one.
type image struct {
	manifest
	pushed    time.Time
	sequence  int // order of pushes, where times are equal
	pulled    time.Time
	archived  time.Time
	activated time.Time // last restored from the archive
	status    types.ImageStatus
}

// since is the time that orders images: the last restore replaces the push
// (docs/aws/ecr.md 1.2.9).
func (i *image) since() time.Time {
	if !i.activated.IsZero() {
		return i.activated
	}
	return i.pushed
}

func newer(a, b *image) int {
	if n := b.since().Compare(a.since()); n != 0 {
		return n
	}
	return cmp.Compare(b.sequence, a.sequence)
}

func (r *repository) tagsOf(digest string) []string {
	var tags []string
	for t, d := range r.tags {
		if d == digest {
			tags = append(tags, t)
		}
	}
	slices.Sort(tags)
	return tags
}

// allTags is tagsOf for every digest that has some.
func (r *repository) allTags() map[string][]string {
	all := make(map[string][]string, len(r.images))
	for _, t := range sortedKeys(r.tags) {
		all[r.tags[t]] = append(all[r.tags[t]], t)
	}
	return all
}

// sortedImages is by digest: the order of AWS's answers says nothing about age.
func (r *repository) sortedImages() []*image {
	digests := slices.Sorted(maps.Keys(r.images))
	all := make([]*image, len(digests))
	for i, d := range digests {
		all[i] = r.images[d]
	}
	return all
}

// parents are the digests of the indexes that list digest.
func (r *repository) parents(digest string) []string {
	var found []string
	for _, i := range r.sortedImages() {
		if slices.Contains(i.children, digest) {
			found = append(found, i.digest)
		}
	}
	return found
}

// holders are the parents that keep digest from being expired or archived: "it
// cannot be expired or archived without the manifest list being deleted or
// archived first"
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html).
func (r *repository) holders(digest string) []string {
	return slices.DeleteFunc(r.parents(digest), func(p string) bool { return r.images[p].status == types.ImageStatusArchived })
}

// remove deletes an image with its tags. What refers to it goes within a day:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
func (s *Service) remove(r *repository, i *image) {
	delete(r.images, i.digest)
	s.w.Deleted("AWS::ECR::Image", r.name+"@"+i.digest)
	maps.DeleteFunc(r.tags, func(_, d string) bool { return d == i.digest })
	if s.w.Switches.UnusedLayers == "gone" {
		r.dropLayers(i)
	}
	s.w.After(24*time.Hour, func() {
		if _, back := r.images[i.digest]; back {
			return
		}
		for _, x := range r.sortedImages() {
			if x.subject == i.digest {
				s.w.As("ecr: the image it refers to is gone", func() { s.remove(r, x) })
			}
		}
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
