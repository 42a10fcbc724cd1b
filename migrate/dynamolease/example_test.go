package dynamolease_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

// One replica migrates, whoever is first.
func ExampleNew() {
	stub, server := awsstub.New(), &table{items: map[string]item{}} // the tests' table
	awsstub.On(stub, server.get)
	awsstub.On(stub, server.update)
	store := dynamolease.New(dynamodb.NewFromConfig(stub.Config()), "migrations")
	err := migrate.Lead(context.Background(), store, "orders", func(_ context.Context, fence migrate.Fence) error {
		fmt.Println("fence", fence)
		return nil
	})
	fmt.Println(err)
	// Output:
	// fence 1
	// <nil>
}

// The table that the store needs.
func ExampleTableInput() {
	in := dynamolease.TableInput("migrations")
	fmt.Println(*in.TableName, *in.KeySchema[0].AttributeName, in.BillingMode)
	// Output:
	// migrations key PAY_PER_REQUEST
}
