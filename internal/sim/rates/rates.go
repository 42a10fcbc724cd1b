// Package rates throttles calls as AWS documents it: a token bucket per family
// of operations, account and region.
package rates

import (
	"strings"
	"time"
)

// A family is the operations that share one bucket.
type family struct {
	burst, perSecond float64
	operations       string // names, space-separated; a "*" at the end stands for any rest
}

// families are by service (docs/aws/ecs.md 1.8, docs/aws/cfn.md 8.6,
// docs/aws/ecr.md 1.5). CloudFormation publishes rates and no bursts: 0 stands for
// the limiter's own. Operations that are not listed are not limited.
var families = map[string][]family{
	"ecs": {
		{20, 1, "CreateCluster DeleteCluster"},
		{50, 20, "DescribeClusters ListClusters"},
		{20, 1, "RegisterTaskDefinition DeregisterTaskDefinition"},
		{50, 20, "DescribeTaskDefinition ListTaskDefinition*"},
		{20, 10, "TagResource UntagResource"},
		{50, 20, "ListTagsForResource"},
		{100, 40, "RunTask StopTask"},
		{100, 20, "DescribeTasks ListTasks"},
		{50, 5, "CreateService UpdateService DeleteService StopServiceDeployment ContinueServiceDeployment"},
		{100, 20, "DescribeServices ListServices"},
		{50, 20, "DescribeServiceDeployments ListServiceDeployments"},
		{50, 20, "DescribeServiceRevisions"},
	},
	"cloudformation": {
		{0, 10, "DescribeStacks"}, {0, 10, "DescribeStackEvents"}, {0, 10, "DescribeEvents"}, {0, 10, "DescribeStackResources"},
		{0, 10, "ListStackResources"}, {0, 10, "ListStacks"}, {0, 10, "ListExports"}, {0, 10, "GetTemplate"},
		{0, 20, "DescribeStackResource"}, {0, 3, "DetectStackResourceDrift"},
		{0, 2, "CreateStack"}, {0, 2, "UpdateStack"}, {0, 2, "DeleteStack"}, {0, 2, "CancelUpdateStack"}, {0, 2, "ContinueUpdateRollback"},
		{0, 2, "RollbackStack"}, {0, 2, "CreateChangeSet"}, {0, 2, "DescribeChangeSet"}, {0, 2, "ExecuteChangeSet"}, {0, 2, "DeleteChangeSet"},
		{0, 2, "ListChangeSets"}, {0, 2, "GetTemplateSummary"}, {0, 2, "GetStackPolicy"}, {0, 2, "SetStackPolicy"}, {0, 2, "ValidateTemplate"},
		{0, 2, "ListImports"}, {0, 2, "DetectStackDrift"}, {0, 2, "DescribeStackDriftDetectionStatus"}, {0, 2, "DescribeStackResourceDrifts"},
		{0, 2, "UpdateTerminationProtection"},
	},
	"elasticloadbalancingv2": {
		{200, 50, "Describe*"}, {20, 3, "CreateTargetGroup ModifyTargetGroup DeleteTargetGroup CreateListener ModifyListener DeleteListener CreateLoadBalancer DeleteLoadBalancer ModifyLoadBalancerAttributes"},
	},
	"secretsmanager": {
		{100, 100, "ListSecrets"}, {50, 50, "CreateSecret"}, {50, 50, "DeleteSecret"}, {50, 50, "RestoreSecret"}, {50, 50, "ListSecretVersionIds"},
		{50, 50, "PutSecretValue UpdateSecret UpdateSecretVersionStage TagResource UntagResource"},
	},
	"ssm": {
		{40, 40, "GetParameter GetParameters GetParametersByPath"},
		{3, 3, "DescribeParameters GetParameterHistory PutParameter"},
		{3, 3, "DeleteParameter DeleteParameters"},
	},
}

// A Limiter is the buckets of one account and region. It is used by one
// goroutine at a time.
type Limiter struct {
	burst   float64
	buckets map[*family]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// New returns full buckets; burst is how many calls those hold whose size
// nobody has published, but at least one second's.
func New(burst int) *Limiter {
	return &Limiter{burst: float64(burst), buckets: map[*family]*bucket{}}
}

// Allow takes a token for a call at the moment now, and reports whether there
// was one.
func (l *Limiter) Allow(service, operation string, now time.Time) bool {
	f := find(service, operation)
	if f == nil {
		return true
	}
	size := f.burst
	if size == 0 {
		size = max(l.burst, f.perSecond)
	}
	b := l.buckets[f]
	if b == nil {
		b = &bucket{tokens: size, at: now}
		l.buckets[f] = b
	}
	if d := now.Sub(b.at); d > 0 {
		b.tokens, b.at = min(size, b.tokens+d.Seconds()*f.perSecond), now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func find(service, operation string) *family {
	list := families[service]
	for i := range list {
		for name := range strings.FieldsSeq(list[i].operations) {
			stem, any := strings.CutSuffix(name, "*")
			if name == operation || any && strings.HasPrefix(operation, stem) {
				return &list[i]
			}
		}
	}
	return nil
}
