package s3sim

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// PutObject implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
// with conditional writes.
func (s *Service) PutObject(_ context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	var body []byte
	if in.Body != nil {
		if body, err = io.ReadAll(in.Body); err != nil {
			return nil, op.Error("IncompleteBody", "The request body could not be read: "+err.Error())
		}
	}
	sum := md5.Sum(body)
	if want := aws.ToString(in.ContentMD5); want != "" && want != base64.StdEncoding.EncodeToString(sum[:]) {
		return nil, op.Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	sums, err := verify(in, body)
	if err != nil {
		return nil, err
	}
	key := aws.ToString(in.Key)
	if len(key) > 1024 {
		return nil, op.Error("KeyTooLongError", "Your key is too long")
	}
	old, exists := b.objects[key]
	switch {
	case in.IfNoneMatch != nil && *in.IfNoneMatch != "*":
		return nil, op.WithStatus(http.StatusNotImplemented, op.Error("NotImplemented", "A header you provided implies functionality that is not implemented"))
	case in.IfNoneMatch != nil && exists:
		return nil, precondition()
	case in.IfMatch != nil && !exists:
		return nil, noKey()
	case in.IfMatch != nil && !sameTag(*in.IfMatch, old.etag):
		return nil, precondition()
	}
	o := &object{key: key, body: body, etag: `"` + hex.EncodeToString(sum[:]) + `"`, contentType: "binary/octet-stream", encoding: in.ContentEncoding,
		cache: in.CacheControl, metadata: maps.Clone(in.Metadata), modified: s.w.Now(), sums: sums}
	if in.ContentType != nil {
		o.contentType = *in.ContentType
	}
	b.objects[key] = o
	return &s3.PutObjectOutput{ETag: aws.String(o.etag), ServerSideEncryption: types.ServerSideEncryptionAes256, ChecksumType: types.ChecksumTypeFullObject,
		ChecksumCRC32: sums.crc32, ChecksumCRC32C: sums.crc32c, ChecksumCRC64NVME: sums.crc64nvme, ChecksumSHA1: sums.sha1, ChecksumSHA256: sums.sha256}, nil
}

func sameTag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }

// GetObject implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
// with one range and If-Match, If-None-Match.
func (s *Service) GetObject(_ context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	o, err := s.object(in.Bucket, in.Key)
	if err != nil {
		return nil, err
	}
	if err := o.conditions(in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	out := &s3.GetObjectOutput{AcceptRanges: aws.String("bytes"), CacheControl: o.cache, ContentEncoding: o.encoding, ContentType: aws.String(o.contentType),
		ETag: aws.String(o.etag), LastModified: aws.Time(o.modified), Metadata: maps.Clone(o.metadata), ServerSideEncryption: types.ServerSideEncryptionAes256}
	body := o.body
	if in.ChecksumMode == types.ChecksumModeEnabled && in.Range == nil { // a sum of the whole says nothing of a part
		out.ChecksumType = types.ChecksumTypeFullObject
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = o.sums.crc32, o.sums.crc32c, o.sums.crc64nvme, o.sums.sha1, o.sums.sha256
	}
	if in.Range != nil {
		from, to, ok := span(*in.Range, len(body))
		if !ok {
			return nil, op.WithStatus(http.StatusRequestedRangeNotSatisfiable, op.Error("InvalidRange", "The requested range is not satisfiable"))
		}
		out.ContentRange = aws.String(fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(body)))
		body = body[from:to]
	}
	out.ContentLength = aws.Int64(int64(len(body)))
	out.Body = io.NopCloser(bytes.NewReader(bytes.Clone(body)))
	return out, nil
}

func (o *object) conditions(match, noneMatch *string) error {
	if match != nil && !sameTag(*match, o.etag) {
		return precondition()
	}
	if noneMatch != nil && sameTag(*noneMatch, o.etag) {
		return op.WithStatus(http.StatusNotModified, op.Error("NotModified", "Not Modified"))
	}
	return nil
}

// span reads "bytes=from-to", with either end left out.
func span(header string, size int) (from, to int, ok bool) {
	spec, isBytes := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !isBytes || !dash || strings.Contains(last, ",") {
		return 0, 0, false
	}
	to = size
	switch {
	case first == "":
		var n int
		if _, err := fmt.Sscan(last, &n); err != nil || n <= 0 {
			return 0, 0, false
		}
		from = max(0, size-n)
	default:
		if _, err := fmt.Sscan(first, &from); err != nil || from < 0 {
			return 0, 0, false
		}
		if last != "" {
			if _, err := fmt.Sscan(last, &to); err != nil || to < from {
				return 0, 0, false
			}
			to = min(to+1, size)
		}
	}
	return from, to, from < to
}

// HeadObject implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func (s *Service) HeadObject(_ context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	o, err := s.object(in.Bucket, in.Key)
	if err != nil {
		return nil, notFound()
	}
	if err := o.conditions(in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	out := &s3.HeadObjectOutput{AcceptRanges: aws.String("bytes"), CacheControl: o.cache, ContentEncoding: o.encoding, ContentLength: aws.Int64(int64(len(o.body))),
		ContentType: aws.String(o.contentType), ETag: aws.String(o.etag), LastModified: aws.Time(o.modified), Metadata: maps.Clone(o.metadata),
		ServerSideEncryption: types.ServerSideEncryptionAes256}
	if in.ChecksumMode == types.ChecksumModeEnabled {
		out.ChecksumType = types.ChecksumTypeFullObject
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = o.sums.crc32, o.sums.crc32c, o.sums.crc64nvme, o.sums.sha1, o.sums.sha256
	}
	return out, nil
}

// CopyObject implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
// within the account.
func (s *Service) CopyObject(_ context.Context, in *s3.CopyObjectInput) (*s3.CopyObjectOutput, error) {
	source, err := url.PathUnescape(strings.TrimPrefix(aws.ToString(in.CopySource), "/"))
	name, key, ok := strings.Cut(source, "/")
	if err != nil || !ok {
		return nil, op.Error("InvalidArgument", "Invalid copy source object key")
	}
	from, err := s.object(&name, &key)
	if err != nil {
		return nil, err
	}
	to, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	c := *from
	c.key, c.modified, c.metadata = aws.ToString(in.Key), s.w.Now(), maps.Clone(from.metadata)
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		c.metadata = maps.Clone(in.Metadata)
		if in.ContentType != nil {
			c.contentType = *in.ContentType
		}
	}
	to.objects[c.key] = &c
	return &s3.CopyObjectOutput{CopyObjectResult: &types.CopyObjectResult{ETag: aws.String(c.etag), LastModified: aws.Time(c.modified)}, ServerSideEncryption: types.ServerSideEncryptionAes256}, nil
}

// DeleteObject implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html:
// a key that does not exist is deleted too.
func (s *Service) DeleteObject(_ context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	delete(b.objects, aws.ToString(in.Key))
	return &s3.DeleteObjectOutput{}, nil
}

// DeleteObjects implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
func (s *Service) DeleteObjects(_ context.Context, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > 1000 {
		return nil, op.Error("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	out := &s3.DeleteObjectsOutput{}
	for _, o := range in.Delete.Objects {
		delete(b.objects, aws.ToString(o.Key))
		if !aws.ToBool(in.Delete.Quiet) {
			out.Deleted = append(out.Deleted, types.DeletedObject{Key: o.Key})
		}
	}
	return out, nil
}
