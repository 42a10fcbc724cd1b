package cfnsim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// kind is what the simulator knows about one resource type.
type kind struct {
	// replacing are the properties whose change needs a new physical resource;
	// updating are those that do not, where every other one does.
	replacing, updating []string
	anyReplaces         bool
	// attributes is what GetAtt can read, nil where the type is not known so well.
	attributes []string
	// identifier is the property that names the resource.
	identifier string
	// serviced says that a simulated service holds the resource.
	serviced bool

	created, changed, removed time.Duration

	make    func(*call) error
	change  func(*call) error
	remove  func(*call) error
	settled func(*call) (bool, error)
}

// call is one request to a resource's handler.
type call struct {
	ctx        context.Context
	svc        *Service
	st         *stack
	id, typ    string
	old, new   object // with dynamic references resolved
	physical   string
	attributes object
	token      string
	tags       []types.Tag
	// state is what the handler remembers between its own calls.
	state any
}

func (c *call) resolve(sc *scope, old, new object) error {
	c.old = mapOf(old)
	v, err := c.svc.dynamicValues(sc, mapOf(new))
	if err != nil {
		return err
	}
	c.new, _ = v.(object)
	return nil
}

func (c *call) world() *world.World { return c.svc.world }

// text is a property as a string.
func (c *call) text(name string) string { return text(c.new[name]) }

// name is the property that names the resource, or a generated name
// <stack>-<LogicalId>-<12 characters>.
func (c *call) name(property string) string {
	if n := c.text(property); n != "" {
		return n
	}
	return fmt.Sprintf("%s-%s-%s", c.st.name, c.id, c.world().Name(12))
}

func (c *call) set(attributes object) {
	if c.attributes == nil {
		c.attributes = object{}
	}
	maps.Copy(c.attributes, attributes)
}

// handlerError is what a handler returns of its own.
type handlerError struct{ code, text string }

func (e handlerError) Error() string { return e.text }

// wrap puts a handler's error into the words of CloudFormation's registry
// (docs/aws/cfn.md 1.5).
func (c *call) wrap(err error) error {
	code := "GeneralServiceException"
	if e, ok := errors.AsType[handlerError](err); ok {
		code = e.code
	}
	switch errorCode(err) {
	case "InvalidParameterException", "ClientException", "ValidationException", "InvalidRequestException":
		code = "InvalidRequest"
	case "ResourceNotFoundException", "ServiceNotFoundException", "ClusterNotFoundException", "RepositoryNotFoundException":
		code = "NotFound"
	case "AccessDeniedException":
		code = "AccessDenied"
	case "ResourceExistsException", "ResourceAlreadyExistsException", "RepositoryAlreadyExistsException":
		code = "AlreadyExists"
	}
	return handlerError{code, fmt.Sprintf("Resource handler returned message: %q (RequestToken: %s, HandlerErrorCode: %s)", message(err), c.token, code)}
}

func (k *kind) replaces(names []string) bool {
	return slices.ContainsFunc(names, k.recreates)
}

func (k *kind) recreates(name string) bool {
	if k.anyReplaces {
		return !slices.Contains(k.updating, name)
	}
	return slices.Contains(k.replacing, name)
}

func (k *kind) has(attribute string) bool {
	return k.attributes == nil || slices.Contains(k.attributes, attribute) || strings.Contains(attribute, ".")
}

// attribute makes up a value for what no handler set.
func (k *kind) attribute(w *world.World, r *resource, name string) (any, error) {
	if !k.has(name) {
		return nil, invalidf("Resource type %s does not support attribute {%s}.", r.typ, name)
	}
	if v, ok := r.record[name]; ok {
		return v, nil
	}
	if strings.HasSuffix(name, "Arn") {
		return inertARN(w, r.typ, r.physical), nil
	}
	return r.physical + "-" + name, nil
}

// kind is the type's table entry; unknown types are inert.
func (s *Service) kind(typ string) *kind {
	if k, ok := s.kinds[typ]; ok {
		return k
	}
	return s.inert
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
