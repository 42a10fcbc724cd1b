package ecsx

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Service names one ECS service.
type Service struct {
	// Cluster is the cluster's name or ARN; "" is "default".
	Cluster string `json:"cluster,omitempty"`
	// Name is the service's name or ARN.
	Name string `json:"name"`
}

// String is "cluster/name", without the rest of an ARN.
func (s Service) String() string { return afterSlash(s.cluster()) + "/" + afterSlash(s.Name) }

func (s Service) cluster() string { return cmp.Or(s.Cluster, "default") }

// ParseService reads a service's ARN, or "cluster/name", or "name".
func ParseService(s string) Service {
	if rest, ok := strings.CutPrefix(s, "arn:"); ok {
		_, rest, _ = strings.Cut(rest, ":service/")
		if c, name, ok := strings.Cut(rest, "/"); ok {
			return Service{Cluster: c, Name: name}
		}
		return Service{Name: s} // the old format names no cluster
	}
	if c, name, ok := strings.Cut(s, "/"); ok {
		return Service{Cluster: c, Name: name}
	}
	return Service{Name: s}
}

func afterSlash(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// describe reads one ACTIVE service. An unknown or deleted one is
// [ErrNotFound].
func describe(ctx context.Context, api ecs.DescribeServicesAPIClient, svc Service) (*types.Service, error) {
	out, err := api.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: aws.String(svc.cluster()), Services: []string{svc.Name}, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", svc, err)
	}
	if len(out.Services) == 0 || aws.ToString(out.Services[0].Status) == "INACTIVE" {
		return nil, fmt.Errorf("service %s: %w", svc, ErrNotFound)
	}
	return &out.Services[0], nil
}

// primary is the deployment that the service is being brought to; nil when
// there is none.
func primary(s *types.Service) *types.Deployment {
	for i, d := range s.Deployments {
		if aws.ToString(d.Status) == "PRIMARY" {
			return &s.Deployments[i]
		}
	}
	return nil
}
