package awsstub_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

// A real SDK client, answered by a typed function.
func ExampleOn() {
	stub := awsstub.New()
	awsstub.On(stub, func(_ context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
		return &ecs.UpdateServiceOutput{Service: &types.Service{ServiceName: in.Service}}, nil
	})
	client := ecs.NewFromConfig(stub.Config())
	web := "web"
	out, err := client.UpdateService(context.Background(), &ecs.UpdateServiceInput{Service: &web})
	fmt.Println(*out.Service.ServiceName, err)
	// Output:
	// web <nil>
}

// The SDK retries a throttle; the stub sees every attempt.
func ExampleStub_Calls() {
	stub := awsstub.New()
	awsstub.On(stub, func(context.Context, *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
		if len(stub.Calls()) == 1 {
			return nil, &smithy.GenericAPIError{Code: "ThrottlingException"}
		}
		return &ecs.ListClustersOutput{ClusterArns: []string{"prod"}}, nil
	})
	out, err := ecs.NewFromConfig(stub.Config()).ListClusters(context.Background(), &ecs.ListClustersInput{})
	fmt.Println(out.ClusterArns, err)
	for _, c := range stub.Calls() {
		fmt.Println(c)
	}
	// Output:
	// [prod] <nil>
	// ECS.ListClusters
	// ECS.ListClusters
}

// What nobody has answered is an error that names the call.
func ExampleNew() {
	client := ecs.NewFromConfig(awsstub.New().Config())
	_, err := client.ListClusters(context.Background(), &ecs.ListClustersInput{})
	fmt.Println(err)
	// Output:
	// operation error ECS: ListClusters, awsstub: unexpected call ECS.ListClusters
}
