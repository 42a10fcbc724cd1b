package ecrsim

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

type repository struct {
	name, arn, uri string
	uploads        map[string]*upload // of layers, by id
	created        time.Time
	mutability     types.ImageTagMutability
	exclusions     []types.ImageTagMutabilityExclusionFilter
	scan           *types.ImageScanningConfiguration
	encryption     *types.EncryptionConfiguration
	tagged         map[string]string // resource tags

	images map[string]*image // by digest
	tags   map[string]string // tag -> digest
	layers map[string]string // digest -> content

	policy    *policy
	evaluated time.Time
	job       int // generation of the daily job; an older one ends itself
	preview   *preview
}

// repositoryName is the model's pattern of RepositoryName (docs/aws/ecr.md 1.7).
var repositoryName = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// CreateRepository implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
func (s *Service) CreateRepository(_ context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	name := aws.ToString(in.RepositoryName)
	if len(name) < 2 || len(name) > 256 || !repositoryName.MatchString(name) {
		return nil, invalid("repositoryName", "must satisfy regular expression '"+repositoryName.String()+"'")
	}
	if _, ok := s.repos[name]; ok {
		return nil, &types.RepositoryAlreadyExistsException{Message: aws.String(fmt.Sprintf(
			"The repository with name '%s' already exists in the registry with id '%s'", name, s.w.Account))}
	}
	r := &repository{
		name:       name,
		arn:        s.w.ARN("ecr", "repository/"+name),
		uri:        s.Host() + "/" + name,
		created:    s.w.Now(),
		scan:       in.ImageScanningConfiguration,
		encryption: in.EncryptionConfiguration,
		tagged:     map[string]string{},
		images:     map[string]*image{},
		tags:       map[string]string{},
		layers:     map[string]string{},
	}
	if r.scan == nil {
		r.scan = &types.ImageScanningConfiguration{}
	}
	if r.encryption == nil {
		r.encryption = &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256}
	}
	if err := r.setMutability(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters); err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		r.tagged[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.repos[name] = r
	r.uploads = map[string]*upload{}
	return &ecr.CreateRepositoryOutput{Repository: new(s.shape(r))}, nil
}

// Host is the registry's host name.
func (s *Service) Host() string {
	return fmt.Sprintf("%s.dkr.ecr.%s.%s", s.w.Account, s.w.Region, s.w.URLSuffix())
}

func (s *Service) shape(r *repository) types.Repository {
	return types.Repository{
		CreatedAt:                          aws.Time(r.created),
		EncryptionConfiguration:            r.encryption,
		ImageScanningConfiguration:         r.scan,
		ImageTagMutability:                 r.mutability,
		ImageTagMutabilityExclusionFilters: r.exclusions,
		RegistryId:                         aws.String(s.w.Account),
		RepositoryArn:                      aws.String(r.arn),
		RepositoryName:                     aws.String(r.name),
		RepositoryUri:                      aws.String(r.uri),
	}
}

// DeleteRepository implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html
func (s *Service) DeleteRepository(_ context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	r, err := s.repo("DeleteRepository", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if len(r.images) > 0 && !in.Force {
		return nil, &types.RepositoryNotEmptyException{Message: aws.String(fmt.Sprintf(
			"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", r.name, s.w.Account))}
	}
	r.job++
	delete(s.repos, r.name)
	s.w.Deleted("AWS::ECR::Repository", r.name)
	return &ecr.DeleteRepositoryOutput{Repository: new(s.shape(r))}, nil
}

// DescribeRepositories implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html:
// one unknown name fails the whole call (docs/aws/ecr.md 1.5).
func (s *Service) DescribeRepositories(_ context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	out := &ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{}}
	if len(in.RepositoryNames) > 0 && (in.NextToken != nil || in.MaxResults != nil) {
		return nil, invalid("repositoryNames", "cannot be used with nextToken or maxResults")
	}
	for i := range in.RepositoryNames {
		r, err := s.repo("DescribeRepositories", in.RegistryId, &in.RepositoryNames[i])
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, s.shape(r))
	}
	if len(in.RepositoryNames) > 0 {
		return out, nil
	}
	part, next, ok := page.Of(s.sortedRepos(), in.NextToken, int(defaultTo(in.MaxResults, 100)))
	if !ok {
		return nil, invalidToken()
	}
	for _, r := range part {
		out.Repositories = append(out.Repositories, s.shape(r))
	}
	out.NextToken = next
	return out, nil
}

func defaultTo(n *int32, otherwise int32) int32 {
	if n == nil || *n <= 0 {
		return otherwise
	}
	return *n
}

func (s *Service) byARN(arn *string) (*repository, error) {
	for r := range maps.Values(s.repos) {
		if r.arn == aws.ToString(arn) {
			return r, nil
		}
	}
	return nil, invalid("resourceArn", "must name an existing repository")
}

// TagResource implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_TagResource.html
func (s *Service) TagResource(_ context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	r, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		r.tagged[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return &ecr.TagResourceOutput{}, nil
}

// UntagResource implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UntagResource.html
func (s *Service) UntagResource(_ context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	r, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(r.tagged, k)
	}
	return &ecr.UntagResourceOutput{}, nil
}

// ListTagsForResource implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListTagsForResource.html
func (s *Service) ListTagsForResource(_ context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	r, err := s.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &ecr.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range sortedKeys(r.tagged) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(r.tagged[k])})
	}
	return out, nil
}
