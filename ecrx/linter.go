package ecrx

import (
	"fmt"
	"slices"
	"strings"
)

type linter struct {
	policy   *Policy
	images   []Stored
	needs    map[int][]Need // by index of images
	verdicts []Verdict
}

// locate finds the needed images, and what a needed index lists.
func locate(images []Stored, needs []Need) map[int][]Need {
	digest, tag := map[string]int{}, map[string]int{}
	for i, x := range images {
		digest[x.Digest] = i
		for _, t := range x.Tags {
			tag[t] = i
		}
	}
	out := map[int][]Need{}
	var add func(i int, n Need)
	add = func(i int, n Need) {
		if slices.ContainsFunc(out[i], func(m Need) bool { return m.Image == n.Image }) {
			return
		}
		out[i] = append(out[i], n)
		for _, c := range images[i].Children {
			if j, ok := digest[c]; ok {
				add(j, n)
			}
		}
	}
	for _, n := range needs {
		i, ok := digest[n.Image.Digest]
		if n.Image.Digest == "" {
			i, ok = tag[n.Image.Tag]
		}
		if ok {
			add(i, n)
		}
	}
	return out
}

func (l *linter) rule(r int) []Finding {
	rule := l.policy.Rules[r]
	matched, first := 0, 0
	for i, x := range l.images {
		if rule.sees(x) {
			matched++
			if l.verdicts[i].MatchedBy == rule.Priority {
				first++
			}
		}
	}
	list := rule.Selection.list()
	find := func(code, format string, a ...any) []Finding {
		return []Finding{{Code: code, Rule: rule.Priority, Text: fmt.Sprintf("%s: ", rule) + fmt.Sprintf(format, a...)}}
	}
	if odd := foreign(rule.Selection); matched == 0 && odd != "" {
		return find(lintRegexp, "%q matches no image as it is: ECR knows no regular expressions; in tagPatternList * stands for any characters, and in tagPrefixList everything is taken as it is", odd)
	}
	switch {
	case len(l.images) == 0:
		return nil
	case matched == 0 && len(list) > 1 && l.anyOf(rule):
		return find(lintMatchesNothing, "no image has tags for all of %s, though some have one: the list is and, not or; write one rule for each", strings.Join(list, ", "))
	case matched == 0 && len(list) > 0 && r < len(l.policy.Rules)-1:
		return find(lintDeadRule, "it matches no image and protects nothing from the rules after it")
	case matched > 0 && first == 0:
		return find(lintUnreachable, "earlier rules match all %d images that it matches", matched)
	}
	return nil
}

// foreign is an entry with characters that a tag cannot have, but for the * of
// patterns: it can match nothing.
//
// Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
func foreign(s Selection) string {
	for _, p := range s.TagPatternList {
		if strings.ContainsAny(p, `^$+?()[]{}|\`) {
			return p
		}
	}
	for _, p := range s.TagPrefixList {
		if strings.ContainsAny(p, `^$+?()[]{}|\*`) {
			return p
		}
	}
	return ""
}

// anyOf reports whether some image meets one entry of the rule's list.
func (l *linter) anyOf(r Rule) bool {
	for _, x := range l.images {
		for _, p := range r.Selection.TagPatternList {
			if (Selection{TagStatus: tagged, TagPatternList: []string{p}}).Matches(x.Tags) {
				return true
			}
		}
		for _, p := range r.Selection.TagPrefixList {
			if (Selection{TagStatus: tagged, TagPrefixList: []string{p}}).Matches(x.Tags) {
				return true
			}
		}
	}
	return false
}

func (l *linter) need(v Verdict, needs []Need) []Finding {
	n := needs[0]
	name := n.Image.String()
	find := func(code, format string, a ...any) Finding {
		return Finding{Code: code, Rule: v.MatchedBy, Image: name, Text: fmt.Sprintf("image %s (needed by %s): ", name, who(n.By)) + fmt.Sprintf(format, a...)}
	}
	var out []Finding
	switch i := slices.IndexFunc(l.policy.Rules, func(r Rule) bool { return r.Priority == v.MatchedBy }); {
	case v.MayGo():
		out = append(out, find(lintLoses, "%s", v.Headroom()))
	case i < 0 || v.Action != actionKeep || v.HeldBy != "":
	case l.policy.Rules[i].Selection.CountType != countMoreThan:
		out = append(out, find(lintAge, "%s, newer images or not; count instead", v.Headroom()))
	case v.PushesLeft > 0 && v.PushesLeft <= lintMargin:
		code, why := lintTight, "keep more, or pin it"
		if apps := l.pool(l.policy.Rules[i]); len(apps) > 1 {
			code, why = lintSharedPool, "images of "+strings.Join(apps, ", ")+" share its places; give each a rule, or pin it"
		}
		out = append(out, find(code, "%s; %s", v.Headroom(), why))
	}
	digestOnly := slices.ContainsFunc(needs, func(n Need) bool { return n.Image.Digest != "" })
	if digestOnly && len(v.Image.Tags) > 0 && !v.MayGo() {
		for _, r := range l.policy.Rules {
			if r.Selection.TagStatus == untagged && !r.Selection.archive() && mutableOnly(v.Image.Tags) {
				f := find(lintUntagged, "it is needed by digest, and %s takes it once the tag %s moves on; pin it", r, strings.Join(v.Image.Tags, ", "))
				f.Rule = r.Priority
				out = append(out, f)
			}
		}
	}
	return out
}

// who is at most three names.
func who(by []string) string {
	if len(by) > 3 {
		by = append(slices.Clone(by[:3]), fmt.Sprintf("%d more", len(by)-3))
	}
	return strings.Join(by, ", ")
}

// mutableOnly reports whether all tags are of the kind that moves with every
// push: names without a number.
func mutableOnly(tags []string) bool {
	return !slices.ContainsFunc(tags, func(t string) bool { return strings.ContainsAny(t, "0123456789") })
}

// pool are the applications whose images a rule counts together, by what their
// tags begin with.
func (l *linter) pool(r Rule) []string {
	var apps []string
	for _, x := range l.images {
		if !r.sees(x) {
			continue
		}
		for _, t := range x.Tags {
			i := strings.IndexAny(t, "0123456789")
			if i < 0 {
				continue
			}
			app := strings.TrimRight(t[:i], ".-_v")
			if len(app) > 1 && !slices.Contains(apps, app) {
				apps = append(apps, app)
			}
		}
	}
	slices.Sort(apps)
	return apps
}
