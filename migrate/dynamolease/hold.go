package dynamolease

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/stackrescue/stackrescue/migrate"
)

// hold is an item that was acquired.
type hold struct {
	s     *store
	key   string
	owner string
	fence migrate.Fence
	note  []byte
}

func (h *hold) Fence() migrate.Fence { return h.fence }
func (h *hold) Note() []byte         { return h.note }

// Renew adds to the beat, rather than setting it: a request that arrives late,
// or twice, must never bring an earlier version back.
func (h *hold) Renew(ctx context.Context, note []byte) error {
	return h.write(ctx, "ADD #beat :one", note, []string{"#beat"}, map[string]types.AttributeValue{":one": number(int64(1))})
}

func (h *hold) Release(ctx context.Context, note []byte) error {
	err := h.write(ctx, "REMOVE #owner", note, nil, map[string]types.AttributeValue{})
	if !errors.Is(err, migrate.ErrLeaseLost) {
		return err
	}
	rec, rerr := h.s.Read(ctx, h.key)
	if rerr == nil && rec.Epoch == h.fence && rec.Owner == "" {
		return nil // our own release, whose response was lost
	}
	return err
}

// write updates the item while it is this hold's.
func (h *hold) write(ctx context.Context, update string, note []byte, used []string, values map[string]types.AttributeValue) error {
	if note != nil {
		update += " SET #note = :note"
		used = append(used, "#note")
		values[":note"] = &types.AttributeValueMemberB{Value: note}
	}
	values[":owner"], values[":epoch"] = text(h.owner), number(h.fence)
	_, err := h.s.update(ctx, h.key, update, mine, append(used, "#owner", "#epoch"), values)
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return fmt.Errorf("%w: %w", migrate.ErrLeaseLost, refused)
	}
	return err
}
