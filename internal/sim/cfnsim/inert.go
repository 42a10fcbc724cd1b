package cfnsim

import (
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// nameProperties are properties that commonly name a resource, by type;
// elsewhere the physical id is generated.
var nameProperties = map[string]string{
	"AWS::SNS::Topic":                            "TopicName",
	"AWS::SQS::Queue":                            "QueueName",
	"AWS::IAM::Role":                             "RoleName",
	"AWS::IAM::Policy":                           "PolicyName",
	"AWS::DynamoDB::Table":                       "TableName",
	"AWS::Lambda::Function":                      "FunctionName",
	"AWS::ElasticLoadBalancingV2::LoadBalancer":  "Name",
	"AWS::ElasticLoadBalancingV2::TargetGroup":   "Name",
	"AWS::RDS::DBSubnetGroup":                    "DBSubnetGroupName",
	"AWS::ServiceDiscovery::PrivateDnsNamespace": "Name",
}

// inertKind takes its time and changes nothing.
func inertKind(replacing ...string) *kind {
	k := &kind{replacing: replacing, created: 2 * time.Second, changed: 2 * time.Second, removed: time.Second}
	k.make = func(c *call) error {
		c.physical = inertID(c)
		return c.take()
	}
	k.change = func(*call) error { return nil }
	k.remove = func(c *call) error {
		if err := c.resists(); err != nil {
			return err
		}
		delete(c.svc.taken, c.typ+" "+c.physical)
		return nil
	}
	return k
}

// take makes the physical id the resource's own: one with a fixed name that an
// orphan still has is refused, as every service does in its words.
func (c *call) take() error {
	key := c.typ + " " + c.physical
	if c.svc.taken[key] {
		return handlerError{"AlreadyExists", fmt.Sprintf("Resource of type '%s' with identifier '%s' already exists.", c.typ, c.physical)}
	}
	c.svc.taken[key] = true
	return nil
}

// resists refuses the deletion of what is protected against it. The texts are
// those of DynamoDB and RDS; for other types the simulator's.
func (c *call) resists() error {
	on, set := c.svc.protected[c.physical]
	if !set {
		on = truth(c.new["DeletionProtectionEnabled"]) || truth(c.new["DeletionProtection"]) || truth(c.new["DisableApiTermination"])
	}
	switch {
	case !on:
		return nil
	case strings.HasPrefix(c.typ, "AWS::RDS::"):
		return handlerError{"InvalidRequest", "Cannot delete protected DB Instance, please disable deletion protection and try again."}
	case c.typ == "AWS::EC2::Instance":
		return handlerError{"InvalidRequest", "The instance '" + c.physical + "' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."}
	}
	return handlerError{"GeneralServiceException", "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."}
}

// inertID is a plausible physical id: what Ref gives.
func inertID(c *call) string {
	w := c.world()
	switch c.typ {
	case "AWS::SNS::Topic":
		return w.ARN("sns", c.name("TopicName"))
	case "AWS::SQS::Queue":
		return fmt.Sprintf("https://sqs.%s.%s/%s/%s", w.Region, w.URLSuffix(), w.Account, c.name("QueueName"))
	case "AWS::CloudFormation::WaitConditionHandle":
		return fmt.Sprintf("https://cloudformation-waitcondition-%s.s3.%s/%s", w.Region, w.URLSuffix(), w.UUID())
	}
	if p, ok := nameProperties[c.typ]; ok && strings.HasPrefix(c.typ, "AWS::ElasticLoadBalancingV2::") {
		name := c.name(p)
		kind := map[bool]string{true: "loadbalancer/app", false: "targetgroup"}[strings.HasSuffix(c.typ, "LoadBalancer")]
		return w.ARN("elasticloadbalancing", fmt.Sprintf("%s/%s/%s", kind, name[:min(32, len(name))], w.Hex(16)))
	} else if ok {
		return c.name(p)
	}
	if prefix, ok := ec2Prefixes[c.typ]; ok {
		return prefix + "-" + w.Hex(17)
	}
	return fmt.Sprintf("%s-%s-%s", c.st.name, c.id, w.Name(12))
}

var ec2Prefixes = map[string]string{
	"AWS::EC2::VPC":             "vpc",
	"AWS::EC2::Subnet":          "subnet",
	"AWS::EC2::SecurityGroup":   "sg",
	"AWS::EC2::InternetGateway": "igw",
	"AWS::EC2::NatGateway":      "nat",
	"AWS::EC2::RouteTable":      "rtb",
	"AWS::EC2::VPCEndpoint":     "vpce",
	"AWS::EFS::FileSystem":      "fs",
	"AWS::EFS::AccessPoint":     "fsap",
}

// inertARN is a plausible ARN of a resource of any type.
func inertARN(w *world.World, typ, physical string) string {
	if strings.HasPrefix(physical, "arn:") {
		return physical
	}
	parts := strings.Split(typ, "::")
	if len(parts) < 3 {
		return physical
	}
	service := strings.ToLower(parts[1])
	switch typ {
	case "AWS::SQS::Queue":
		return w.ARN("sqs", physical[strings.LastIndexByte(physical, '/')+1:])
	case "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::InstanceProfile":
		return fmt.Sprintf("arn:%s:iam::%s:%s/%s", w.Partition, w.Account, strings.ToLower(parts[2]), physical)
	case "AWS::S3::Bucket":
		return fmt.Sprintf("arn:%s:s3:::%s", w.Partition, physical)
	}
	return w.ARN(service, strings.ToLower(parts[2])+"/"+physical)
}
