package cfnsim

import (
	"context"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/internal/sim/fields"
	"github.com/stackrescue/stackrescue/internal/sim/op"
)

const (
	maxBody   = 51_200  // bytes in a request (docs/aws/cfn.md 1.8)
	maxObject = 1 << 20 // bytes in S3
)

// body is the text of a template that a request gives in one of three ways.
func (s *Service) body(ctx context.Context, inline, templateURL *string, previous *bool, st *stack) (body, from string, err error) {
	n := 0
	for _, there := range []bool{inline != nil, templateURL != nil, isTrue(previous)} {
		if there {
			n++
		}
	}
	switch {
	case n == 0:
		return "", "", invalid("Either Template URL or Template Body must be specified.")
	case n > 1:
		return "", "", invalid("Only one of Template URL, Template Body or UsePreviousTemplate may be specified.")
	case inline != nil && len(*inline) > maxBody:
		return "", "", invalidf("1 validation error detected: Value '%s' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200", *inline)
	case inline != nil:
		return *inline, "", nil
	case templateURL != nil:
		body, err := s.fetch(ctx, *templateURL)
		return body, *templateURL, err
	}
	if st == nil || st.now == nil || st.now.t == nil {
		return "", "", invalid("Previous template is not available.")
	}
	return st.now.t.body, st.now.url, nil
}

var s3Host = regexp.MustCompile(`^(?:(.+)\.)?s3[.-](?:dualstack\.)?(?:([a-z0-9-]+)\.)?amazonaws\.com(?:\.cn)?$|^(?:(.+)\.)?s3\.amazonaws\.com(?:\.cn)?$`)

// fetch reads a template from S3. Both styles of URL are understood, of every
// partition
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html).
// The texts are recorded in docs/aws/recordings.md cloudformation/api/test_templates.
func (s *Service) fetch(ctx context.Context, address string) (string, error) {
	bucket, key, err := parseS3(address)
	if err != nil {
		return "", err
	}
	if isNil(s.deps.S3) {
		return "", invalid("S3 error: Access Denied\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html")
	}
	out, err := s.deps.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", invalid("S3 error: " + message(err) + "\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html")
	}
	if out.Body == nil {
		return "", invalid("Template format error: unsupported structure.")
	}
	b, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err == nil {
		err = out.Body.Close()
	}
	if err != nil {
		return "", invalid("S3 error: " + err.Error())
	}
	if len(b) > maxObject {
		return "", invalidf("Template size limit exceeded: the template at %s may not exceed %d bytes in size.", address, maxObject)
	}
	return string(b), nil
}

func parseS3(address string) (bucket, key string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "s3" || u.Host == "" {
		return "", "", invalid("TemplateURL must be a supported URL.")
	}
	if u.Scheme == "s3" {
		return "", "", invalidf("S3 error: Domain name specified in %s is not a valid S3 domain", u.Host)
	}
	m := s3Host.FindStringSubmatch(u.Hostname())
	if m == nil {
		return "", "", invalid("TemplateURL must be a supported URL.")
	}
	if u.Query().Has("versionId") {
		return "", "", op.Error(fields.NotSimulated, "the simulated cloud refuses the versionId of a TemplateURL: versions of S3 objects")
	}
	key = strings.TrimPrefix(u.Path, "/")
	if bucket = m[1] + m[3]; bucket == "" {
		bucket, key, _ = strings.Cut(key, "/")
	}
	if bucket == "" || key == "" {
		return "", "", invalid("TemplateURL must be a supported URL.")
	}
	return bucket, key, nil
}
