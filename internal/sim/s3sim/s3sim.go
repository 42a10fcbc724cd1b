// Package s3sim simulates the part of Amazon S3 that holds templates: buckets
// and objects without versions.
//
// All methods are called inside the clock's Do.
package s3sim

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Service holds the buckets of one account. Their names are global.
type Service struct {
	w       *world.World
	buckets map[string]*bucket
}

type bucket struct {
	name, region string
	created      time.Time
	objects      map[string]*object
}

type object struct {
	key, etag   string
	body        []byte
	contentType string
	encoding    *string
	cache       *string
	metadata    map[string]string
	modified    time.Time
	sums        checksums
}

// New returns a service without buckets.
func New(w *world.World) *Service { return &Service{w: w, buckets: map[string]*bucket{}} }

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.CreateBucket)
	op.On(t, s.DeleteBucket)
	op.On(t, s.HeadBucket)
	op.On(t, s.ListBuckets)
	op.On(t, s.GetBucketLocation)
	op.On(t, s.PutObject)
	op.On(t, s.GetObject)
	op.On(t, s.HeadObject)
	op.On(t, s.CopyObject)
	op.On(t, s.DeleteObject)
	op.On(t, s.DeleteObjects)
	op.On(t, s.ListObjectsV2)
}

// Errors and their statuses:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

func noBucket() error {
	return op.WithStatus(http.StatusNotFound, &types.NoSuchBucket{Message: aws.String("The specified bucket does not exist")})
}

func noKey() error {
	return op.WithStatus(http.StatusNotFound, &types.NoSuchKey{Message: aws.String("The specified key does not exist.")})
}

// notFound answers HEAD, which has no body that could say what was not found.
func notFound() error {
	return op.WithStatus(http.StatusNotFound, &types.NotFound{Message: aws.String("Not Found")})
}

func precondition() error {
	return op.WithStatus(http.StatusPreconditionFailed, op.Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"))
}

func (s *Service) bucket(name *string) (*bucket, error) {
	b, ok := s.buckets[aws.ToString(name)]
	if !ok {
		return nil, noBucket()
	}
	return b, nil
}

func (s *Service) object(bucket, key *string) (*object, error) {
	b, err := s.bucket(bucket)
	if err != nil {
		return nil, err
	}
	o, ok := b.objects[aws.ToString(key)]
	if !ok {
		return nil, noKey()
	}
	return o, nil
}

// Read is the body of an object, for services that fetch templates.
func (s *Service) Read(bucket, key string) ([]byte, error) {
	o, err := s.object(&bucket, &key)
	if err != nil {
		return nil, err
	}
	return slices.Clone(o.body), nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
