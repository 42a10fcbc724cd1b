package ecssim

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func itoa(n int) string { return strconv.Itoa(n) }

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func clientError(msg string) error { return &types.ClientException{Message: &msg} }

func invalid(msg string) error { return &types.InvalidParameterException{Message: &msg} }

func clusterNotFound() error {
	return &types.ClusterNotFoundException{Message: new("Cluster not found.")}
}

func serviceNotFound() error {
	return &types.ServiceNotFoundException{Message: new("Service not found.")}
}

func missing(arn string) types.Failure {
	return types.Failure{Arn: &arn, Reason: new("MISSING")}
}
