// Package ssmsim simulates the Parameter Store of AWS Systems Manager.
//
// All methods are called inside the clock's Do.
package ssmsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Service is the Parameter Store of one region.
type Service struct {
	w          *world.World
	parameters map[string]*parameter
}

type parameter struct {
	name, arn string
	kind      types.ParameterType
	tags      map[string]string
	versions  []version // the last is current
}

type version struct {
	number      int64
	value       string
	at          time.Time
	kind        types.ParameterType
	tier        types.ParameterTier
	dataType    string
	description *string
	key         *string
	pattern     *string
}

// New returns a store without parameters.
func New(w *world.World) *Service {
	return &Service{w: w, parameters: map[string]*parameter{}}
}

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.PutParameter)
	op.On(t, s.GetParameter)
	op.On(t, s.GetParameters)
	op.On(t, s.GetParametersByPath)
	op.On(t, s.GetParameterHistory)
	op.On(t, s.DescribeParameters)
	op.On(t, s.DeleteParameter)
	op.On(t, s.DeleteParameters)
	op.On(t, s.AddTagsToResource)
	op.On(t, s.RemoveTagsFromResource)
	op.On(t, s.ListTagsForResource)
}

// find finds a parameter by name or ARN, with or without ":version".
func (s *Service) find(name *string) (p *parameter, v version, selector *string, err error) {
	id, rest := aws.ToString(name), ""
	if _, after, ok := strings.Cut(id, ":parameter/"); ok && strings.HasPrefix(id, "arn:") {
		id = after
		if _, ok := s.parameters["/"+strings.SplitN(after, ":", 2)[0]]; ok {
			id = "/" + after
		}
	}
	id, rest, selected := strings.Cut(id, ":")
	p, ok := s.parameters[id]
	if !ok {
		return nil, v, nil, notFound()
	}
	if !selected {
		return p, p.versions[len(p.versions)-1], nil, nil
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	i := slices.IndexFunc(p.versions, func(v version) bool { return v.number == n })
	if err != nil || i < 0 {
		return nil, v, nil, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf(
			"Systems Manager could not find version %s of %s. Verify the version and try again.", rest, id))}
	}
	return p, p.versions[i], aws.String(":" + rest), nil
}

// notFound has no text: that is how the service answers.
func notFound() error { return &types.ParameterNotFound{} }

func invalid(text string) error { return &types.ValidationException{Message: aws.String(text)} }

// shown is a parameter as it is read. What a SecureString holds is shown only
// with decryption.
func (p *parameter) shown(v version, selector *string, decrypt bool) types.Parameter {
	value := v.value
	if v.kind == types.ParameterTypeSecureString && !decrypt {
		value = fmt.Sprintf("AQICAHencrypted%x", len(value))
	}
	return types.Parameter{ARN: aws.String(p.arn), DataType: aws.String(v.dataType), LastModifiedDate: aws.Time(v.at), Name: aws.String(p.name),
		Selector: selector, Type: v.kind, Value: aws.String(value), Version: v.number}
}

func size(n *int32, otherwise int) int {
	if n == nil || *n <= 0 {
		return otherwise
	}
	return min(int(*n), otherwise)
}

func badToken() error {
	return &types.InvalidNextToken{Message: aws.String("The specified token isn't valid.")}
}
