// Package dynamolease keeps the leases of package migrate in a DynamoDB table.
//
//	client := dynamodb.NewFromConfig(cfg)
//	_, err := client.CreateTable(ctx, dynamolease.TableInput("migrations")) // once
//	store := dynamolease.New(client, "migrations")
//	r, err := migrate.New(store, "orders", probe, migrate.Func(up))
//	_, err = r.Run(ctx)
//
// The table has one string key, named "key", and one item per migration.
// [Template] makes it, and so does
//
//	aws dynamodb create-table --table-name migrations \
//	  --attribute-definitions AttributeName=key,AttributeType=S \
//	  --key-schema AttributeName=key,KeyType=HASH --billing-mode PAY_PER_REQUEST
//
// A task needs dynamodb:GetItem and dynamodb:UpdateItem on it. An uncontended
// acquisition is one UpdateItem, a release another, a heartbeat one each, and
// one who waits reads, and writes nothing.
//
// Items must not be deleted, nor expire by a TTL: the epoch would begin again,
// and with it the fence. In a global table, all replicas must use the same
// region: writes of two regions do not see each other's conditions.
package dynamolease
