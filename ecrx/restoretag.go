package ecrx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"golang.org/x/time/rate"
)

// RestoreAPI is DescribeImages, BatchGetImage and PutImage of *ecr.Client.
type RestoreAPI interface {
	ecr.DescribeImagesAPIClient
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	PutImage(context.Context, *ecr.PutImageInput, ...func(*ecr.Options)) (*ecr.PutImageOutput, error)
}

// putLimit is how often ECR accepts PutImage per second, for a whole account
// and region
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html).
const putLimit = 10

// maxTags is how many tags an image may have (ibid.).
const maxTags = 1000

// TagOptions change [Image.RestoreTag], [Image.Pin], [Image.Unpin] and
// [Image.ReconcilePins]. The zero value is the default.
type TagOptions struct {
	// From is another image with the same content, by digest, whose manifest is
	// used where the repository itself has lost the image, in any region that the
	// client may read. Its layers must be in the repository, unless Layers is set.
	// Defaults to none.
	From Image
	// Layers copies the layers of From that the repository does not have, and with an
	// index the images that it lists. Defaults to nil, which copies none.
	Layers LayersAPI
	// HTTPClient downloads layers from the URLs that ECR gives. Defaults to
	// http.DefaultClient.
	HTTPClient aws.HTTPClient
	// Move lets [Image.RestoreTag] take the tag away from another digest, after that
	// one was pinned. It does not help where tags are immutable.
	Move bool
	// Prefix is that of pins. Defaults to "pin".
	Prefix string
	// DryRun only says what would be done.
	DryRun bool
	// Puts limits PutImage. Defaults to a bucket of 10 per second for
	// this call.
	Puts *rate.Limiter
	// Interval is the time between tries of a call that failed for a passing
	// reason. Defaults to 2 s.
	Interval time.Duration
	// Observe is called with each change, after it was made. Nil for nothing.
	Observe func(TagEvent)
}

func tagOptions(optFns []func(*TagOptions)) TagOptions {
	var o TagOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	o.Prefix = cmp.Or(o.Prefix, pinPrefix)
	o.Interval = cmp.Or(o.Interval, 2*time.Second)
	if o.Puts == nil {
		o.Puts = rate.NewLimiter(putLimit, 1)
	}
	return o
}

// TagEvent is one change of a tag.
type TagEvent struct {
	Repository Repository `json:"repository"`
	Tag        string     `json:"tag"`
	// From and To are the digests that the tag named before and names now; ""
	// where it was or is not there.
	From string `json:"from"`
	To   string `json:"to"`
}

// String is one line.
func (e TagEvent) String() string {
	return fmt.Sprintf("repository %s: tag %s: %s -> %s", e.Repository, e.Tag, cmp.Or(e.From, "nothing"), cmp.Or(e.To, "nothing"))
}

var (
	// ErrTagTaken is returned by [Image.RestoreTag] if the tag names another digest.
	ErrTagTaken = errors.New("tag names another image")
	// ErrTagLimit is returned by [Image.Pin] and [Image.RestoreTag] if the image has
	// as many tags as it can have.
	ErrTagLimit = errors.New("image has 1,000 tags")
)

// Restored is what [Image.RestoreTag] or [Image.Pin] did, or would do.
type Restored struct {
	// Image has the tag and its digest.
	Image Image `json:"image"`
	// Changed is false where the tag named the digest already.
	Changed bool `json:"changed"`
	// Previous is the digest that the tag was taken from, and Pinned the tag
	// that keeps that one; "" where there was none.
	Previous string `json:"previous,omitempty"`
	Pinned   string `json:"pinned,omitempty"`
	DryRun   bool   `json:"dryRun,omitempty"`
}

// RestoreTag makes the tag of img name the digest of img, byte for byte the
// same image. It never takes the tag from another digest unless Move says so:
// then it fails with [ErrTagTaken]. An image that is missing or archived is a
// *[StatusError].
//
// The tag does not make the image younger: a lifecycle policy that expired it
// does so again within 24 hours. See [Repository.Freeze].
//
// Calls ecr:DescribeImages, ecr:BatchGetImage, ecr:PutImage, and where From is needed
// those of Layers. Safe to repeat: a tag that is right already is left alone, and layers
// that were copied are not copied again.
func (img Image) RestoreTag(ctx context.Context, api RestoreAPI, optFns ...func(*TagOptions)) (*Restored, error) {
	t := tagger{api: api, repo: img.Repo(), opts: tagOptions(optFns)}
	switch {
	case t.repo.Name == "":
		return nil, &StatusError{Status{Ref: img.String(), Image: img, State: stateExternal, err: fmt.Errorf("%s is no private registry of ECR", img.Registry)}}
	case img.Tag == "" || img.Digest == "":
		return nil, fmt.Errorf("image %s: needs tag and digest", img)
	}
	return t.restore(ctx, img)
}
