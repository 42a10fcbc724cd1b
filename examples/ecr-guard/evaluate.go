package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecrx"
)

// line is the verdict on one image. A rule that acts, or shields, is named by
// its priority; what does not apply is null.
type line struct {
	ImageDigest  string        `json:"imageDigest"`
	ImageTags    []string      `json:"imageTags"`
	Action       ecrx.Action   `json:"action"`
	RulePriority *int          `json:"rulePriority"`
	ShieldedBy   *int          `json:"shieldedBy"`
	ExpiresAt    *time.Time    `json:"expiresAt"`
	ArchivesAt   *time.Time    `json:"archivesAt,omitempty"`
	PushesLeft   int           `json:"pushesLeft,omitempty"`
	Possible     []ecrx.Action `json:"possible,omitempty"`
	Doubts       []string      `json:"doubts,omitempty"`
	Reason       string        `json:"reason"`
}

func evaluate(c *command) error {
	policyFile := c.flags.String("policy", "", "lifecycle policy, as ECR takes it")
	imagesFile := c.flags.String("images", "", "what aws ecr describe-images printed, - for standard input")
	at := c.flags.String("now", "", "moment of the evaluation, RFC 3339; defaults to now")
	if err := c.offline(); err != nil {
		return err
	}
	if *policyFile == "" || *imagesFile == "" || c.flags.NArg() > 0 {
		c.flags.Usage()
		return errUsage
	}
	now := time.Now().UTC()
	if *at != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, *at); err != nil {
			return fmt.Errorf("%w: -now: %w", errUsage, err)
		}
	}
	text, err := c.read(*policyFile)
	if err != nil {
		return err
	}
	// What get-lifecycle-policy prints has the policy as text inside.
	var got struct{ LifecyclePolicyText string }
	if json.Unmarshal([]byte(strings.TrimPrefix(text, byteOrderMark)), &got) == nil && got.LifecyclePolicyText != "" {
		text = got.LifecyclePolicyText
	}
	policy, err := ecrx.ParsePolicy(text)
	if err != nil {
		return err
	}
	images, err := c.read(*imagesFile)
	if err != nil {
		return err
	}
	list, err := ecrx.ParseImages([]byte(images))
	if err != nil {
		return err
	}
	out := json.NewEncoder(c.stdout)
	out.SetEscapeHTML(false)
	for _, v := range policy.Evaluate(list, now) {
		if err := out.Encode(lineOf(v, now)); err != nil {
			return err
		}
	}
	return nil
}

func lineOf(v ecrx.Verdict, now time.Time) line {
	l := line{ImageDigest: v.Image.Digest, ImageTags: v.Image.Tags, Action: v.Action, PushesLeft: v.PushesLeft, Reason: v.Reason}
	if l.ImageTags == nil {
		l.ImageTags = []string{}
	}
	if v.Rule > 0 {
		l.RulePriority = &v.Rule
	}
	if v.ShieldedBy > 0 {
		l.ShieldedBy = &v.ShieldedBy
	}
	if !v.Certain() {
		l.Possible, l.Doubts = v.Possible, v.Doubts
	}
	when := v.Headroom().At
	if when.IsZero() && (v.Action == "expire" || v.Action == "transition") {
		when = now // a count has no other moment
	}
	if when.IsZero() || v.Action == "blocked" {
		return l
	}
	when = when.UTC()
	if does := v.Does; does == "transition" || v.Action == "transition" {
		l.ArchivesAt = &when
	} else {
		l.ExpiresAt = &when
	}
	return l
}
