// Package iam answers GetRole for the roles of the stacks, in shapes of its
// own: tools that verify a task definition make this one call, and the SDK's
// client is not among this module's requirements for it.
package iam

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// GetRoleInput is that of https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
type GetRoleInput struct{ RoleName *string }

// GetRoleOutput is one role.
type GetRoleOutput struct{ Role *Role }

// Role is what is known of a role.
type Role struct {
	Arn                      *string
	AssumeRolePolicyDocument *string // URL-encoded JSON, as IAM sends it
	CreateDate               *time.Time
	MaxSessionDuration       *int32
	Path, RoleId, RoleName   *string //nolint:revive // the API's names
}

// Service is the roles of the account.
type Service struct {
	w     *world.World
	owned func(typ string) []cfnsim.Owned
	ids   map[string]string // by ARN
}

// New returns the roles among what stacks own.
func New(w *world.World, owned func(typ string) []cfnsim.Owned) *Service {
	return &Service{w, owned, map[string]string{}}
}

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) { op.On(t, s.GetRole) }

// GetRole describes a role that a stack of the region has made. No other role
// exists, although AssumeRole takes any.
func (s *Service) GetRole(_ context.Context, in *GetRoleInput) (*GetRoleOutput, error) {
	if in.RoleName == nil {
		return nil, op.WithStatus(http.StatusBadRequest, op.Error("ValidationError", "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null"))
	}
	for _, o := range s.owned("AWS::IAM::Role") {
		if o.PhysicalID != *in.RoleName {
			continue
		}
		path := o.Text("Path")
		if path == "" {
			path = "/"
		}
		r := &Role{
			RoleName: &o.PhysicalID, Path: &path, CreateDate: new(o.Created.UTC().Truncate(time.Second)), MaxSessionDuration: new(int32(3600)),
			Arn: new("arn:" + s.w.Partition + ":iam::" + s.w.Account + ":role" + path + o.PhysicalID),
		}
		if s.ids[*r.Arn] == "" {
			s.ids[*r.Arn] = "AROA" + s.w.Name(17)
		}
		r.RoleId = new(s.ids[*r.Arn])
		if p := o.Properties["AssumeRolePolicyDocument"]; p != nil {
			b, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			r.AssumeRolePolicyDocument = new(url.QueryEscape(string(b)))
		}
		return &GetRoleOutput{Role: r}, nil
	}
	return nil, op.WithStatus(http.StatusNotFound, op.Error("NoSuchEntity", "The role with name "+*in.RoleName+" cannot be found."))
}
