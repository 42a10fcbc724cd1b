package ecrx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Stored is an image as it is stored in a repository: one manifest, of an image
// for one platform, of an index of such, or of an artifact.
type Stored struct {
	Digest string
	Tags   []string
	// PushedAt does not change when a tag is added or the same image is pushed
	// again.
	PushedAt time.Time
	// PulledAt is the last recorded pull, ArchivedAt the last move to the
	// archive, ActivatedAt the last restore from there; zero where there was
	// none.
	PulledAt, ArchivedAt, ActivatedAt time.Time
	// Status is ACTIVE, also where it is "", ARCHIVED or ACTIVATING.
	Status types.ImageStatus
	// MediaType is that of the manifest, Bytes the size of what it refers to.
	MediaType string
	Bytes     int64
	// Subject is the digest of the image that an artifact, such as a signature,
	// belongs to.
	Subject string
	// Children are the digests that an index lists. DescribeImages does not
	// return them: nil means that they are not known.
	Children []string
}

// Index reports whether the image is an index (a manifest list) of others.
func (s Stored) Index() bool {
	return len(s.Children) > 0 || s.MediaType == mediaOCIIndex || s.MediaType == mediaDockerList
}

const (
	mediaOCIIndex   = "application/vnd.oci.image.index.v1+json"
	mediaDockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
)

func stored(d types.ImageDetail) Stored {
	return Stored{
		Digest: aws.ToString(d.ImageDigest), Tags: d.ImageTags, PushedAt: aws.ToTime(d.ImagePushedAt),
		PulledAt: aws.ToTime(d.LastRecordedPullTime), ArchivedAt: aws.ToTime(d.LastArchivedAt), ActivatedAt: aws.ToTime(d.LastActivatedAt),
		Status: d.ImageStatus, MediaType: aws.ToString(d.ImageManifestMediaType), Bytes: aws.ToInt64(d.ImageSizeInBytes),
		Subject: aws.ToString(d.SubjectManifestDigest),
	}
}

// errImages means that a text is not what describe-images prints.
var errImages = errors.New("not the JSON of describe-images")

// ParseImages reads what `aws ecr describe-images` prints: an object with
// imageDetails, or the list alone; several such texts one after the other, such
// as pages, count as one, and an image that is in them more than once counts
// once. Times are RFC 3339 or seconds since 1970. A further member "children",
// a list of digests, says what an index lists. It returns an error if the text
// is anything else, if it says two different things of one image, as dumps of
// two moments do, if it holds images of two repositories, and if its last page
// names a next one. It is pure.
func ParseImages(text []byte) ([]Stored, error) {
	var out imageList
	more := false // a list alone does not say
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	for n := 0; ; n++ {
		var page json.RawMessage
		if err := d.Decode(&page); err == io.EOF && n > 0 {
			if more {
				return nil, errors.New("images: the list is not complete: it ends with a token for the next page")
			}
			return out.images, nil
		} else if err != nil {
			return nil, fmt.Errorf("images: %w: %w", errImages, err)
		}
		var list []detailJSON
		if len(page) > 0 && page[0] == '[' {
			if err := json.Unmarshal(page, &list); err != nil {
				return nil, fmt.Errorf("images: %w: %w", errImages, err)
			}
		} else {
			var o struct {
				ImageDetails *[]detailJSON `json:"imageDetails"`
				NextToken    *string       // of the API and, in the same place, of the CLI
			}
			if err := json.Unmarshal(page, &o); err != nil {
				return nil, fmt.Errorf("images: %w: %w", errImages, err)
			}
			if o.ImageDetails == nil {
				return nil, fmt.Errorf("images: %w: no imageDetails", errImages)
			}
			list, more = *o.ImageDetails, aws.ToString(o.NextToken) != ""
		}
		for _, x := range list {
			if err := out.add(x); err != nil {
				return nil, fmt.Errorf("images: %w", err)
			}
		}
	}
}

// imageList is a list in which each image is once.
type imageList struct {
	images     []Stored
	at         map[string]int // by digest
	repository string
}

func (l *imageList) add(x detailJSON) error {
	if x.ImageDigest == "" {
		return fmt.Errorf("%w: image %d has no imageDigest", errImages, len(l.images))
	}
	if name := x.RegistryID + "/" + x.RepositoryName; x.RepositoryName != "" {
		if l.repository != "" && l.repository != name {
			return fmt.Errorf("of two repositories, %s and %s: a policy is of one", l.repository, name)
		}
		l.repository = name
	}
	image := x.stored()
	i, again := l.at[image.Digest]
	switch {
	case again && !reflect.DeepEqual(sortedTags(l.images[i]), sortedTags(image)):
		return fmt.Errorf("%s is listed twice, and not the same: give what one call printed", image.Digest)
	case again:
		return nil
	}
	if l.at == nil {
		l.at = map[string]int{}
	}
	l.at[image.Digest] = len(l.images)
	l.images = append(l.images, image)
	return nil
}

// sortedTags lets two answers be compared: tags come in no order.
func sortedTags(s Stored) Stored {
	s.Tags = slices.Sorted(slices.Values(s.Tags))
	return s
}

type detailJSON struct {
	RegistryID             string   `json:"registryId"`
	RepositoryName         string   `json:"repositoryName"`
	ImageDigest            string   `json:"imageDigest"`
	ImageTags              []string `json:"imageTags"`
	ImageSizeInBytes       int64    `json:"imageSizeInBytes"`
	ImageStatus            string   `json:"imageStatus"`
	ImageManifestMediaType string   `json:"imageManifestMediaType"`
	SubjectManifestDigest  string   `json:"subjectManifestDigest"`
	Children               []string `json:"children"`
	ImagePushedAt          jsonTime `json:"imagePushedAt"`
	LastRecordedPullTime   jsonTime `json:"lastRecordedPullTime"`
	LastArchivedAt         jsonTime `json:"lastArchivedAt"`
	LastActivatedAt        jsonTime `json:"lastActivatedAt"`
}

func (d detailJSON) stored() Stored {
	return Stored{
		Digest: d.ImageDigest, Tags: d.ImageTags, PushedAt: d.ImagePushedAt.Time, PulledAt: d.LastRecordedPullTime.Time,
		ArchivedAt: d.LastArchivedAt.Time, ActivatedAt: d.LastActivatedAt.Time, Status: types.ImageStatus(d.ImageStatus),
		MediaType: d.ImageManifestMediaType, Bytes: d.ImageSizeInBytes, Subject: d.SubjectManifestDigest, Children: d.Children,
	}
}

// jsonTime reads the forms of the AWS CLI's cli_timestamp_format.
type jsonTime struct{ time.Time }

func (t *jsonTime) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if b[0] != '"' {
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			return fmt.Errorf("time %s: %w", b, err)
		}
		whole, part := math.Modf(f)
		t.Time = time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC()
		return nil
	}
	s := strings.Trim(string(b), `"`)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
		if v, err := time.Parse(layout, s); err == nil {
			t.Time = v.UTC()
			return nil
		}
	}
	return fmt.Errorf("time %s: not RFC 3339", b)
}
