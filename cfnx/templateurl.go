package cfnx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// object is an object in S3 that a URL names.
type object struct {
	url *url.URL
	// bucket is a bucket's name, or the ARN of an access point.
	bucket, key, version string
	path                 bool // the bucket is the first step of the path
}

// endpoint is the host of S3, of any partition: s3.amazonaws.com,
// s3.REGION.amazonaws.com, the older s3-REGION, dual-stack, FIPS, and access
// points. What precedes it is a bucket or an access point.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
// https://docs.aws.amazon.com/general/latest/gr/s3.html
var endpoint = regexp.MustCompile(`^(?:(.+)\.)?s3(-accesspoint)?(?:-fips)?(?:\.dualstack)?(?:[.-]([a-z0-9-]+))?\.(amazonaws\.com(?:\.cn)?|amazonaws\.eu)$`)

var partitionOf = map[string]string{"amazonaws.com": "aws", "amazonaws.com.cn": "aws-cn", "amazonaws.eu": "aws-eusc"}

// parseTemplateURL reads the URL of a template.
func parseTemplateURL(text string) (object, error) {
	u, err := url.Parse(text)
	if err != nil {
		return object{}, err
	}
	o := object{url: u, key: strings.TrimPrefix(u.Path, "/"), version: u.Query().Get("versionId")}
	if u.Scheme == "s3" {
		o.bucket = u.Host
	}
	if m := endpoint.FindStringSubmatch(u.Hostname()); m != nil {
		before, point, region, suffix := m[1], m[2] != "", m[3], m[4]
		i := strings.LastIndexByte(before, '-')
		switch {
		case point && i > 0:
			partition := partitionOf[suffix]
			if strings.HasPrefix(region, "us-gov-") {
				partition = "aws-us-gov"
			}
			o.bucket = "arn:" + partition + ":s3:" + region + ":" + before[i+1:] + ":accesspoint/" + before[:i]
		case point:
		case before != "":
			o.bucket = before
		default:
			o.path = true
			o.bucket, o.key, _ = strings.Cut(o.key, "/")
		}
	}
	if o.bucket == "" || o.key == "" {
		return object{}, fmt.Errorf("%s is no object in S3", text)
	}
	return o, nil
}

// at is the URL of another object of the same bucket, in its newest version.
func (o object) at(key string) string {
	u := *o.url
	u.RawQuery, u.Fragment, u.RawPath = "", "", ""
	if u.Path = "/" + key; o.path {
		u.Path = "/" + o.bucket + "/" + key
	}
	return u.String()
}

// location is bucket and key in a template's URL.
func location(text string) (bucket, key string, err error) {
	o, err := parseTemplateURL(text)
	return o.bucket, o.key, err
}

func fetch(ctx context.Context, api fetchAPI, u string) ([]byte, error) {
	o, err := parseTemplateURL(u)
	if err != nil {
		return nil, err
	}
	if api == nil {
		return nil, errors.New("no access to S3")
	}
	in := &s3.GetObjectInput{Bucket: &o.bucket, Key: &o.key}
	if o.version != "" {
		in.VersionId = &o.version
	}
	out, err := api.GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Body.Close() }()
	return io.ReadAll(io.LimitReader(out.Body, expr.MaxBytes))
}

// upload puts a template beside the one at beside, under a key made from its
// content: the same content always has the same key, and no other template is
// overwritten.
func upload(ctx context.Context, api uploadAPI, beside string, body []byte) (string, error) {
	o, err := parseTemplateURL(beside)
	if err != nil {
		return "", err
	}
	if api == nil {
		return "", errors.New("no access to S3: a changed template must be uploaded")
	}
	dir, file := "", o.key
	if i := strings.LastIndexByte(o.key, '/'); i >= 0 {
		dir, file = o.key[:i+1], o.key[i+1:]
	}
	ext := ""
	if i := strings.LastIndexByte(file, '.'); i > 0 {
		ext = file[i:]
	}
	next := dir + "stackrescue-" + fingerprint(body) + ext
	if _, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: &o.bucket, Key: &next, Body: bytes.NewReader(body), ContentType: aws.String("text/plain")}); err != nil {
		return "", fmt.Errorf("upload s3://%s/%s: %w", o.bucket, next, err)
	}
	return o.at(next), nil
}
