package ecrx

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Frozen is a lifecycle policy less the rules that would take needed images: a
// plan, or what was done. Kept as JSON it is all that [Frozen.Thaw] needs.
type Frozen struct {
	Version    int        `json:"version"`
	Repository Repository `json:"repository"`
	// At is when it was worked out, Until the end of the time it is for.
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	// Old is the text of the policy before, byte for byte; New after, "" where
	// the policy is deleted because no rule is left. They are equal where
	// nothing has to be done.
	Old string `json:"old"`
	New string `json:"new"`
	// Removed are the rules that were taken out, and why.
	Removed []RemovedRule `json:"removed,omitempty"`
	// Absent are the needed images that are not there now. What would take them
	// if they were put back is in Removed too.
	Absent []string `json:"absent,omitempty"`
	// Applied is true when New is in force.
	Applied bool `json:"applied"`
}

// RemovedRule is a rule that [Repository.Freeze] takes out.
type RemovedRule struct {
	Rule Rule `json:"rule"`
	// Image is a needed image that it would take, Reason why.
	Image  string `json:"image"`
	Reason string `json:"reason"`
}

// Changes reports whether there is anything to take out.
func (f *Frozen) Changes() bool { return len(f.Removed) > 0 }

// Over reports whether the time that the policy was frozen for has passed, so
// that [Frozen.Thaw] is due.
func (f *Frozen) Over(now time.Time) bool { return f.Applied && !now.Before(f.Until) }

// String is one line for each rule.
func (f *Frozen) String() string {
	if !f.Changes() {
		return fmt.Sprintf("repository %s: no rule takes a needed image until %s", f.Repository, f.Until.UTC().Format(time.RFC3339))
	}
	verb := "take out"
	if f.Applied {
		verb = "took out"
	}
	var lines []string
	for _, r := range f.Removed {
		lines = append(lines, fmt.Sprintf("repository %s: %s %s: image %s: %s", f.Repository, verb, r.Rule, r.Image, r.Reason))
	}
	return strings.Join(lines, "\n")
}

// agrees holds the plan f against the policy that is in force and what would
// become of it now: an error where they differ, f as done where it was carried
// out already.
func (f *Frozen) agrees(now, rest *Policy, changes bool) (*Frozen, error) {
	before, errBefore := parseOrNil(f.Old)
	after, errAfter := parseOrNil(f.New)
	switch err := errors.Join(errBefore, errAfter); {
	case err != nil:
		return nil, fmt.Errorf("repository %s: plan: %w", f.Repository, err)
	case now.Equal(before) && rest.Equal(after):
		return nil, nil
	case now.Equal(after) && !changes:
		done := *f
		done.Applied = true
		return &done, nil
	}
	return nil, fmt.Errorf("repository %s: %w", f.Repository, ErrPolicyChanged)
}

// takeOut fills in what goes and returns what is left; nil for nothing.
func (f *Frozen) takeOut(p *Policy, images []Stored, needed []Image, pushes int) *Policy {
	tried, names, absent := suppose(images, needed)
	f.Absent = absent
	for p != nil {
		var out []int
		// As they will be, and as they are: in the archive other rules reach them.
		for _, v := range slices.Concat(p.Evaluate(tried, f.Until), p.Evaluate(images, f.Until)) {
			name, ok := names[v.Image.Digest]
			counted := v.PushesLeft > 0 && v.PushesLeft <= pushes
			if !ok || v.MatchedBy == 0 || !v.MayGo() && v.Action != actionBlocked && !counted || slices.Contains(out, v.MatchedBy) {
				continue
			}
			out = append(out, v.MatchedBy)
			r := p.Rules[slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Priority == v.MatchedBy })]
			f.Removed = append(f.Removed, RemovedRule{Rule: r, Image: name, Reason: v.Reason})
		}
		if len(out) == 0 {
			break
		}
		p = p.Without(out...)
	}
	slices.SortFunc(f.Removed, func(a, b RemovedRule) int { return byPriority(a.Rule, b.Rule) })
	return p
}

// suppose is the repository as it will be when what is needed was put back:
// every needed image in the standard class, as old as it can be.
func suppose(images []Stored, needed []Image) (tried []Stored, names map[string]string, absent []string) {
	known := newInventory()
	known.add(images...)
	names = map[string]string{}
	for _, img := range needed {
		name := cmp.Or(img.Digest, img.Tag)
		digest := cmp.Or(img.Digest, known.tags[img.Tag])
		x, ok := known.byDigest[digest]
		if !ok {
			absent = append(absent, name)
			x = Stored{Digest: cmp.Or(digest, name)}
		}
		if img.Tag != "" && !slices.Contains(x.Tags, img.Tag) {
			x.Tags = append(slices.Clone(x.Tags), img.Tag)
		}
		if x.Status == types.ImageStatusArchived || x.Status == types.ImageStatusActivating {
			x.Status = types.ImageStatusActive
		}
		known.add(x)
		names[x.Digest] = name
	}
	return known.all(nil), names, absent
}
