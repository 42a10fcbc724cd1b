package s3sim

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// ListObjectsV2 implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html:
// keys in the order of their bytes, common prefixes counted like keys.
func (s *Service) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	prefix, delimiter := aws.ToString(in.Prefix), aws.ToString(in.Delimiter)
	limit := int32(1000)
	if in.MaxKeys != nil && *in.MaxKeys < limit {
		limit = *in.MaxKeys
	}
	after := aws.ToString(in.StartAfter)
	if in.ContinuationToken != nil {
		t, err := base64.RawURLEncoding.DecodeString(*in.ContinuationToken)
		if err != nil {
			return nil, op.Error("InvalidArgument", "The continuation token provided is incorrect")
		}
		after = string(t)
	}
	text := func(s string) *string {
		if in.EncodingType == types.EncodingTypeUrl {
			s = strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
		}
		return &s
	}
	out := &s3.ListObjectsV2Output{Name: in.Bucket, Prefix: text(prefix), MaxKeys: aws.Int32(limit), IsTruncated: aws.Bool(false), EncodingType: in.EncodingType,
		KeyCount: aws.Int32(0), ContinuationToken: in.ContinuationToken, StartAfter: in.StartAfter}
	if delimiter != "" {
		out.Delimiter = text(delimiter)
	}
	group, last := "", ""
	for _, key := range sorted(b.objects) {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		common := ""
		if delimiter != "" {
			if head, _, ok := strings.Cut(key[len(prefix):], delimiter); ok {
				common = prefix + head + delimiter
			}
		}
		if common != "" && (common == group || strings.HasPrefix(after, common)) {
			last = key
			continue
		}
		if *out.KeyCount == limit {
			out.IsTruncated, out.NextContinuationToken = aws.Bool(true), aws.String(base64.RawURLEncoding.EncodeToString([]byte(last)))
			return out, nil
		}
		*out.KeyCount++
		group, last = common, key
		if common != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: text(common)})
			continue
		}
		o := b.objects[key]
		out.Contents = append(out.Contents, types.Object{ETag: aws.String(o.etag), Key: text(key), LastModified: aws.Time(o.modified),
			Size: aws.Int64(int64(len(o.body))), StorageClass: types.ObjectStorageClassStandard})
	}
	return out, nil
}
