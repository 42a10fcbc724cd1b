package s3sim

import (
	"context"
	"net/http"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// home is the region whose endpoint makes buckets without a location constraint.
const home = "us-east-1"

// CreateBucket implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
func (s *Service) CreateBucket(_ context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	name := aws.ToString(in.Bucket)
	if !bucketName.MatchString(name) {
		return nil, op.Error("InvalidBucketName", "The specified bucket is not valid.")
	}
	region := home
	if in.CreateBucketConfiguration != nil && in.CreateBucketConfiguration.LocationConstraint != "" {
		region = string(in.CreateBucketConfiguration.LocationConstraint)
	}
	if region != s.w.Region {
		return nil, op.Error("IllegalLocationConstraintException", "The "+region+" location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	if _, ok := s.buckets[name]; ok {
		if s.w.Region == home {
			// "Amazon S3 returns 200 OK and resets the bucket access control lists": only there.
			return &s3.CreateBucketOutput{Location: aws.String("/" + name)}, nil
		}
		return nil, op.WithStatus(http.StatusConflict, &types.BucketAlreadyOwnedByYou{Message: aws.String("Your previous request to create the named bucket succeeded and you already own it.")})
	}
	s.buckets[name] = &bucket{name: name, region: region, created: s.w.Now(), objects: map[string]*object{}}
	location := "/" + name
	if region != home {
		location = "http://" + name + ".s3.amazonaws.com/"
	}
	return &s3.CreateBucketOutput{Location: aws.String(location)}, nil
}

// DeleteBucket implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
func (s *Service) DeleteBucket(_ context.Context, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.objects) > 0 {
		return nil, op.WithStatus(http.StatusConflict, op.Error("BucketNotEmpty", "The bucket you tried to delete is not empty"))
	}
	delete(s.buckets, b.name)
	s.w.Deleted("AWS::S3::Bucket", b.name)
	return &s3.DeleteBucketOutput{}, nil
}

// HeadBucket implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
func (s *Service) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, notFound()
	}
	return &s3.HeadBucketOutput{AccessPointAlias: aws.Bool(false), BucketRegion: aws.String(b.region), BucketArn: aws.String("arn:" + s.w.Partition + ":s3:::" + b.name)}, nil
}

// ListBuckets implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
func (s *Service) ListBuckets(context.Context, *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	out := &s3.ListBucketsOutput{Buckets: []types.Bucket{}, Owner: &types.Owner{ID: aws.String("75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a")}}
	for _, name := range sorted(s.buckets) {
		b := s.buckets[name]
		out.Buckets = append(out.Buckets, types.Bucket{CreationDate: aws.Time(b.created), Name: aws.String(name)})
	}
	return out, nil
}

// GetBucketLocation implements https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html:
// the home region has no constraint.
func (s *Service) GetBucketLocation(_ context.Context, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	b, err := s.bucket(in.Bucket)
	if err != nil {
		return nil, err
	}
	out := &s3.GetBucketLocationOutput{}
	if b.region != home {
		out.LocationConstraint = types.BucketLocationConstraint(b.region)
	}
	return out, nil
}
