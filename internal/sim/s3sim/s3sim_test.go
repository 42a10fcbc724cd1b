package s3sim_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/s3sim"
	"github.com/stackrescue/stackrescue/internal/sim/simtest"
)

func start(t *testing.T) *s3.Client {
	t.Helper()
	sim := simtest.New(nil)
	s3sim.New(sim.World).Register(&sim.Table)
	c := s3.NewFromConfig(sim.Config())
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")})
	require.NoError(t, err)
	return c
}

func TestObjects(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		c, ctx := start(t), t.Context()
		put := func(in s3.PutObjectInput) error {
			in.Bucket, in.Key, in.Body = aws.String("templates"), aws.String("app.yaml"), strings.NewReader("Resources: {}")
			_, err := c.PutObject(ctx, &in)
			return err
		}
		require.NoError(t, put(s3.PutObjectInput{IfNoneMatch: aws.String("*")}))
		err := put(s3.PutObjectInput{IfNoneMatch: aws.String("*")})
		require.ErrorContains(t, err, "StatusCode: 412")
		require.ErrorContains(t, err, "PreconditionFailed")
		require.ErrorContains(t, put(s3.PutObjectInput{IfMatch: aws.String(`"no"`)}), "PreconditionFailed")

		get, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("templates"), Key: aws.String("app.yaml"), Range: aws.String("bytes=0-8")})
		require.NoError(t, err)
		b, err := io.ReadAll(get.Body)
		require.NoError(t, err)
		require.Equal(t, "Resources", string(b))
		require.Equal(t, "bytes 0-8/13", *get.ContentRange)
		_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("templates"), Key: aws.String("none")})
		require.ErrorAs(t, err, new(*types.NoSuchKey))
		var status *awshttp.ResponseError
		require.ErrorAs(t, err, &status)
		require.Equal(t, 404, status.HTTPStatusCode())
		_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("templates"), Key: aws.String("none")})
		require.ErrorAs(t, err, new(*types.NotFound))
		_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("none"), Key: aws.String("none")})
		require.ErrorAs(t, err, new(*types.NoSuchBucket))

		_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("templates"), Key: aws.String("copy.yaml"), CopySource: aws.String("templates/app.yaml")})
		require.NoError(t, err)
		_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("templates")})
		require.ErrorContains(t, err, "BucketNotEmpty")
		_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("templates"), Key: aws.String("copy.yaml")})
		require.NoError(t, err)
	})
}

func TestListing(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		c, ctx := start(t), t.Context()
		for i := range 7 {
			for _, key := range []string{fmt.Sprintf("a/%d", i), fmt.Sprintf("b%d/x", i)} {
				_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("templates"), Key: aws.String(key)})
				require.NoError(t, err)
			}
		}
		list := func(in s3.ListObjectsV2Input) (keys, prefixes []string) {
			in.Bucket = aws.String("templates")
			for p := s3.NewListObjectsV2Paginator(c, &in); p.HasMorePages(); {
				out, err := p.NextPage(ctx)
				require.NoError(t, err)
				for _, o := range out.Contents {
					keys = append(keys, *o.Key)
				}
				for _, o := range out.CommonPrefixes {
					prefixes = append(prefixes, *o.Prefix)
				}
			}
			return keys, prefixes
		}
		keys, _ := list(s3.ListObjectsV2Input{MaxKeys: aws.Int32(4)})
		require.Len(t, keys, 14)
		keys, _ = list(s3.ListObjectsV2Input{MaxKeys: aws.Int32(4), Prefix: aws.String("a/")})
		require.Len(t, keys, 7)
		keys, prefixes := list(s3.ListObjectsV2Input{MaxKeys: aws.Int32(3), Delimiter: aws.String("/")})
		require.Empty(t, keys)
		require.Equal(t, []string{"a/", "b0/", "b1/", "b2/", "b3/", "b4/", "b5/", "b6/"}, prefixes)
	})
}

func TestChecksums(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		c, ctx := start(t), t.Context()
		put := func(in s3.PutObjectInput) (*s3.PutObjectOutput, error) {
			in.Bucket, in.Key, in.Body = aws.String("templates"), aws.String("k"), strings.NewReader("123456789")
			return c.PutObject(ctx, &in)
		}
		_, err := put(s3.PutObjectInput{ChecksumCRC32: aws.String("AAAAAA==")})
		require.ErrorContains(t, err, "BadDigest")
		own, err := put(s3.PutObjectInput{})
		require.NoError(t, err)
		require.Equal(t, "rosUhgp5mIg=", *own.ChecksumCRC64NVME, "the check value of CRC-64/NVME")
		_, err = put(s3.PutObjectInput{ChecksumCRC32: aws.String("y/Q5Jg==")})
		require.NoError(t, err)
		got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("templates"), Key: aws.String("k"), ChecksumMode: types.ChecksumModeEnabled})
		require.NoError(t, err)
		require.Equal(t, "y/Q5Jg==", *got.ChecksumCRC32)
		require.Nil(t, got.ChecksumCRC64NVME)
	})
}
