package dynamolease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/migrate"
)

// API is what a store calls.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// store is a table.
type store struct {
	api   API
	table string
}

// New returns a store on a table. It makes no call.
//
// Calls dynamodb:GetItem, dynamodb:UpdateItem.
func New(api API, table string) migrate.Store { return &store{api, table} }

// errNoAPI is what a store without a client returns.
var errNoAPI = fmt.Errorf("%w: no client of DynamoDB", migrate.ErrStore)

// The names are reserved words or may become some.
var names = map[string]string{"#epoch": "epoch", "#beat": "beat", "#owner": "owner", "#lease": "leaseNanos", "#note": "note"}

const (
	acquireUpdate = "SET #owner = :owner, #lease = :lease, #beat = :zero ADD #epoch :one"
	acquireFree   = "attribute_not_exists(#owner)"
	acquireOver   = "attribute_not_exists(#owner) OR (#epoch = :epoch AND #beat = :beat)"
	mine          = "#owner = :owner AND #epoch = :epoch"
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number[N ~int64](n N) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

// update is one conditional UpdateItem with the names that it uses: DynamoDB
// refuses a request with others.
func (s *store) update(ctx context.Context, key, update, condition string, used []string, values map[string]types.AttributeValue) (map[string]types.AttributeValue, error) {
	if s.api == nil {
		return nil, errNoAPI
	}
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: map[string]types.AttributeValue{"key": text(key)},
		UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames: map[string]string{}, ExpressionAttributeValues: values,
		ReturnValues: types.ReturnValueAllNew,
	}
	for _, n := range used {
		in.ExpressionAttributeNames[n] = names[n]
	}
	out, err := s.api.UpdateItem(ctx, in)
	if err != nil {
		return nil, mark(err)
	}
	return out.Attributes, nil
}

// Read is [migrate.Store]'s.
func (s *store) Read(ctx context.Context, key string) (migrate.Record, error) {
	if s.api == nil {
		return migrate.Record{}, errNoAPI
	}
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: map[string]types.AttributeValue{"key": text(key)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return migrate.Record{}, mark(err)
	}
	return record(out.Item)
}

// Acquire is [migrate.Store]'s.
func (s *store) Acquire(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	values := map[string]types.AttributeValue{
		":owner": text(claim.Owner), ":lease": number(claim.Lease), ":zero": number(int64(0)), ":one": number(int64(1)),
	}
	condition := acquireFree
	if claim.Over != (migrate.Version{}) {
		condition = acquireOver
		values[":epoch"], values[":beat"] = number(claim.Over.Epoch), number(claim.Over.Beat)
	}
	item, err := s.update(ctx, key, acquireUpdate, condition, []string{"#owner", "#lease", "#beat", "#epoch"}, values)
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return s.again(ctx, key, claim)
	}
	if err != nil {
		return nil, err
	}
	return s.holds(key, claim.Owner, item)
}

// again distinguishes a key that somebody else holds from our own acquisition, of which
// the response was lost.
func (s *store) again(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	rec, err := s.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	if rec.Owner != claim.Owner {
		return nil, &migrate.HeldError{Key: key, Record: rec}
	}
	h := &hold{s, key, claim.Owner, rec.Epoch, rec.Note}
	if err := h.Renew(ctx, nil); err != nil {
		return nil, err
	}
	return h, nil
}

func (s *store) holds(key, owner string, item map[string]types.AttributeValue) (migrate.Hold, error) {
	rec, err := record(item)
	if err != nil {
		return nil, err
	}
	return &hold{s, key, owner, rec.Epoch, rec.Note}, nil
}

// record reads an item. No item is the zero record.
func record(item map[string]types.AttributeValue) (rec migrate.Record, err error) {
	num := func(name string) (n int64) {
		v, ok := item[name].(*types.AttributeValueMemberN)
		if !ok || err != nil {
			return 0
		}
		n, err = strconv.ParseInt(v.Value, 10, 64)
		return n
	}
	rec.Epoch, rec.Beat, rec.Lease = migrate.Fence(num("epoch")), num("beat"), time.Duration(num("leaseNanos"))
	if v, ok := item["owner"].(*types.AttributeValueMemberS); ok {
		rec.Owner = v.Value
	}
	if v, ok := item["note"].(*types.AttributeValueMemberB); ok {
		rec.Note = v.Value
	}
	if err != nil {
		return migrate.Record{}, fmt.Errorf("%w: %w", migrate.ErrStore, err)
	}
	return rec, nil
}

// mark tells errors that waiting does not cure.
func mark(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && slices.Contains([]string{
		"ResourceNotFoundException", "AccessDeniedException", "ValidationException", "UnrecognizedClientException",
	}, api.ErrorCode()) {
		return fmt.Errorf("%w: %w", migrate.ErrStore, err)
	}
	return err
}
