package ecrx

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// anyStatus: without it archived images count as missing (docs/aws/ecr.md
// 1.4).
var anyStatus = types.DescribeImagesFilter{ImageStatus: types.ImageStatusFilterAny}

const pageSize = 1000 // the most that one DescribeImages gives

// Images lists every image of the repository, archived ones too. The order is
// ECR's. What indexes list is not known.
//
// Calls ecr:DescribeImages, once for each 1,000 images. Safe to repeat.
func (repo Repository) Images(ctx context.Context, api ecr.DescribeImagesAPIClient) ([]Stored, error) {
	var out []Stored
	var next *string
	for {
		page, err := listPage(ctx, api, repo, next)
		if err != nil {
			return nil, err
		}
		for _, d := range page.ImageDetails {
			out = append(out, stored(d))
		}
		if next = page.NextToken; next == nil {
			return out, nil
		}
	}
}

func listPage(ctx context.Context, api ecr.DescribeImagesAPIClient, repo Repository, next *string) (*ecr.DescribeImagesOutput, error) {
	filter := anyStatus
	out, err := api.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RegistryId: repo.registry(), RepositoryName: &repo.Name, MaxResults: aws.Int32(pageSize), NextToken: next, Filter: &filter,
	}, repo.there)
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", repo, err)
	}
	return out, nil
}
