package dynamolease_test

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

type item = map[string]types.AttributeValue

// table answers the few expressions that the store sends; a real server checks
// them in examples/migrate-leader.
type table struct {
	mu    sync.Mutex
	items map[string]item
	// lose is the number of the UpdateItem whose answer is lost.
	lose, updates int
}

func num(v types.AttributeValue) int64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	i, _ := strconv.ParseInt(n.Value, 10, 64)
	return i
}

func str(v types.AttributeValue) string {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}

func (tb *table) get(_ context.Context, in *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: maps.Clone(tb.items[str(in.Key["key"])])}, nil
}

func (tb *table) update(_ context.Context, in *dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.updates++
	key, v := str(in.Key["key"]), in.ExpressionAttributeValues
	it := maps.Clone(tb.items[key])
	if it == nil {
		it = item{"key": in.Key["key"]}
	}
	at := num(it["epoch"]) == num(v[":epoch"])
	var ok bool
	switch *in.ConditionExpression {
	case "attribute_not_exists(#owner)":
		ok = it["owner"] == nil
	case "attribute_not_exists(#owner) OR (#epoch = :epoch AND #beat = :beat)":
		ok = it["owner"] == nil || at && num(it["beat"]) == num(v[":beat"])
	case "#owner = :owner AND #epoch = :epoch":
		ok = str(it["owner"]) == str(v[":owner"]) && at
	}
	if !ok {
		return nil, &types.ConditionalCheckFailedException{}
	}
	add := func(name string) {
		it[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(num(it[name])+1, 10)}
	}
	update := *in.UpdateExpression
	if rest, ok := strings.CutSuffix(update, " SET #note = :note"); ok {
		update, it["note"] = rest, v[":note"]
	}
	switch update {
	case "SET #owner = :owner, #lease = :lease, #beat = :zero ADD #epoch :one":
		it["owner"], it["leaseNanos"], it["beat"] = v[":owner"], v[":lease"], v[":zero"]
		add("epoch")
	case "ADD #beat :one":
		add("beat")
	case "REMOVE #owner":
		delete(it, "owner")
	default:
		return nil, &smithy.GenericAPIError{Code: "ValidationException", Message: update}
	}
	if tb.items == nil {
		tb.items = map[string]item{}
	}
	tb.items[key] = it
	if tb.updates == tb.lose {
		return nil, &types.InternalServerError{}
	}
	return &dynamodb.UpdateItemOutput{Attributes: maps.Clone(it)}, nil
}

func stub(tb *table) (*awsstub.Stub, migrate.Store) {
	s := awsstub.New()
	awsstub.On(s, tb.get)
	awsstub.On(s, tb.update)
	return s, dynamolease.New(dynamodb.NewFromConfig(s.Config()), "leases")
}

func TestContract(t *testing.T) {
	t.Parallel()
	var tb table
	migratetest.TestStore(t, "d/", func(*testing.T) migrate.Store {
		_, store := stub(&tb)
		return store
	})
}

func TestOneCallToAcquire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, store := stub(&table{})
		require.NoError(t, migrate.Lead(t.Context(), store, "k", func(context.Context, migrate.Fence) error { return nil }))
		var calls []string
		for _, c := range s.Calls() {
			calls = append(calls, c.String())
		}
		require.Equal(t, []string{"DynamoDB.UpdateItem", "DynamoDB.UpdateItem"}, calls)
	})
}

// TestLostAnswers loses the answer of each write in turn; the SDK sends it
// again.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for k := 1; k <= 20; k++ {
		synctest.Test(t, func(t *testing.T) {
			tb := &table{lose: k}
			_, store := stub(tb)
			err := migrate.Lead(t.Context(), store, "k", func(ctx context.Context, fence migrate.Fence) error {
				require.Equal(t, migrate.Fence(1), fence)
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-time.After(time.Minute):
					return nil
				}
			})
			require.NoError(t, err)
			require.Nil(t, tb.items["k"]["owner"])
		})
	}
}

func TestAWaitingFollowerWritesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tb := &table{}
		_, a := stub(tb)
		s, b := stub(tb)
		h, err := a.Acquire(t.Context(), "k", migrate.Claim{Owner: "a", Lease: 2 * time.Hour})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.ErrorIs(t, migrate.Lead(ctx, b, "k", nil), context.DeadlineExceeded)
		writes, reads := 0, 0
		for _, c := range s.Calls() {
			if c.Operation == "UpdateItem" {
				writes++
			} else {
				reads++
			}
		}
		require.Equal(t, 1, writes, "the first try")
		require.InDelta(t, 3600, reads, 60)
		require.NoError(t, h.Release(t.Context(), nil))
	})
}

func TestWhatWaitingDoesNotCure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := awsstub.New()
		awsstub.On(s, func(context.Context, *dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
			return nil, &types.ResourceNotFoundException{}
		})
		store := dynamolease.New(dynamodb.NewFromConfig(s.Config()), "leases")
		require.ErrorIs(t, migrate.Lead(t.Context(), store, "k", nil), migrate.ErrStore)
	})
}
