package rescue

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// freeze takes rules out of a lifecycle policy, when it is still the one the
// plan knows.
func (r *runner) freeze(ctx context.Context, c clients, s Step, res *StepResult) error {
	f := s.Freeze
	inRegion := func(o *ecr.Options) { o.Region = f.Image.Region }
	now, err := lifecyclePolicy(ctx, c.ecr, f.Image)
	if err != nil {
		return err
	}
	switch {
	case samePolicy(now, f.New):
		res.Outcome, res.Text = Held, "the policy has no such rule"
		return nil
	case !samePolicy(now, f.Old):
		return &Error{Stack: r.p.Stack, Err: ErrChanged, Next: "the lifecycle policy of " + f.Image.Repository + " was changed"}
	}
	if f.New == "" {
		_, err = c.ecr.DeleteLifecyclePolicy(ctx, &ecr.DeleteLifecyclePolicyInput{RegistryId: &f.Image.Account, RepositoryName: &f.Image.Repository}, inRegion)
	} else {
		_, err = c.ecr.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RegistryId: &f.Image.Account, RepositoryName: &f.Image.Repository, LifecyclePolicyText: &f.New}, inRegion)
	}
	if err != nil {
		// The answer may have been lost, and a repetition refused: look again.
		if now, rerr := lifecyclePolicy(ctx, c.ecr, f.Image); rerr != nil || !samePolicy(now, f.New) {
			return err
		}
	}
	res.Outcome, res.Text, res.From, res.To = Done, "rules taken out; undo with: "+s.Undo, f.Old, f.New
	return nil
}

// samePolicy compares policies by what they say: ECR orders rules by priority.
func samePolicy(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	pa, erra := parsePolicy(a)
	pb, errb := parsePolicy(b)
	if erra != nil || errb != nil {
		return a == b
	}
	ja, erra := json.Marshal(pa)
	jb, errb := json.Marshal(pb)
	if erra != nil || errb != nil || json.Unmarshal(ja, &x) != nil || json.Unmarshal(jb, &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(x, y)
}
