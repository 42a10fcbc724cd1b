package rescue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// TargetHealthAPI is DescribeTargetHealth of *elasticloadbalancingv2.Client.
type TargetHealthAPI interface {
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
}

// targetGroupFacts are what a load balancer says of a service's tasks.
type targetGroupFacts struct {
	ARN string `json:"arn"`
	// Unread is why it could not be read.
	Unread string `json:"unread,omitempty"`
	// States is the number of targets by state, as elasticloadbalancing names them:
	// healthy, unhealthy, initial, draining, unused, unavailable.
	States map[string]int `json:"states,omitempty"`
	// Why is what it says of one that is not healthy.
	Why string `json:"why,omitempty"`
}

// targets asks the load balancers of a service, where the program lets it.
func (c *capturer) targets(ctx context.Context, f *ServiceFacts) error {
	for i := range f.TargetGroups {
		g := &f.TargetGroups[i]
		if c.o.TargetHealth == nil {
			g.Unread = "not asked for"
			continue
		}
		out, err := c.o.TargetHealth.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &g.ARN})
		if err != nil {
			g.Unread = redact.Text(err.Error())
			if err := c.problem(ctx, "target group "+g.ARN, err); err != nil {
				return err
			}
			continue
		}
		g.States = map[string]int{}
		for _, t := range out.TargetHealthDescriptions {
			if t.TargetHealth == nil {
				continue
			}
			g.States[string(t.TargetHealth.State)]++
			if t.TargetHealth.State != elbtypes.TargetHealthStateEnumHealthy && g.Why == "" {
				g.Why = strings.TrimSpace(string(t.TargetHealth.Reason) + " " + redact.Text(aws.ToString(t.TargetHealth.Description)))
			}
		}
	}
	return nil
}

// routed is how many tasks each load balancer finds healthy at least; known is
// false where none was asked or none routes to the service. A group whose targets
// are all unused is the other side of a blue/green deployment.
func (f *ServiceFacts) routed() (healthy int, why string, known bool) {
	for _, g := range f.TargetGroups {
		if g.States == nil {
			continue
		}
		total := 0
		for _, n := range g.States {
			total += n
		}
		if total > 0 && g.States["unused"] == total && len(f.TargetGroups) > 1 {
			continue
		}
		if n := g.States["healthy"]; !known || n < healthy {
			healthy, why = n, g.String()
		}
		known = true
	}
	return healthy, why, known
}

// String is one line.
func (g targetGroupFacts) String() string {
	name := g.ARN
	if parts := strings.Split(g.ARN, "/"); len(parts) > 1 {
		name = parts[1]
	}
	if g.States == nil {
		return "target group " + name + ": " + g.Unread
	}
	var states []string
	for s, n := range g.States {
		states = append(states, fmt.Sprintf("%d %s", n, s))
	}
	slices.Sort(states)
	out := "target group " + name + ": " + strings.Join(states, ", ")
	if len(states) == 0 {
		out = "target group " + name + ": no target"
	}
	if g.Why != "" {
		out += " (" + g.Why + ")"
	}
	return out
}
