package cfnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// identifiers are the properties by which an import names a resource that exists;
// of these types they are what Ref returns, the physical id.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
var identifiers = map[string]string{
	"AWS::DynamoDB::Table":                      "TableName",
	"AWS::RDS::DBInstance":                      "DBInstanceIdentifier",
	"AWS::RDS::DBCluster":                       "DBClusterIdentifier",
	"AWS::RDS::GlobalCluster":                   "GlobalClusterIdentifier",
	"AWS::DocDB::DBCluster":                     "DBClusterIdentifier",
	"AWS::Neptune::DBCluster":                   "DBClusterIdentifier",
	"AWS::EC2::Instance":                        "InstanceId",
	"AWS::ElasticLoadBalancingV2::LoadBalancer": "LoadBalancerArn",
	"AWS::S3::Bucket":                           "BucketName",
	"AWS::ECR::Repository":                      "RepositoryName",
}

// Importable reports why a resource that the clean-up leaves outside of the stack
// could not be taken into it again with [Draft.Import]; nil where nothing is known
// to stand against it. It is pure.
func (d *Draft) Importable(x Deletion) error {
	root := d.Tree.Root
	if x.StackID != root.ID {
		return fmt.Errorf("%s.%s: it is of a nested stack, which is updated by its root alone", x.Stack, x.LogicalID)
	}
	if identifiers[x.Type] == "" {
		return fmt.Errorf("%s.%s: how an import names a resource of type %s is not known", x.Stack, x.LogicalID, x.Type)
	}
	var seen map[string]string
	forward, _ := root.attempt()
	for _, e := range forward {
		if e.LogicalID == x.LogicalID && e.Shown != nil {
			seen = e.Shown
		}
	}
	for path := range seen {
		if strings.HasSuffix(path, hiddenMark) {
			return fmt.Errorf("%s.%s: its property %s is hidden: an import would set the mask", x.Stack, x.LogicalID, strings.TrimSuffix(path, hiddenMark))
		}
	}
	if seen == nil {
		return fmt.Errorf("%s.%s: no event shows its properties", x.Stack, x.LogicalID)
	}
	next := d.clone()
	switch err := next.declare(x, json.RawMessage("{}")); {
	case errors.Is(err, template.ErrExists) && root.unsettled():
		return nil // what a locked stack shows may be the update's template: it will go back
	case err != nil:
		return err
	}
	return next.Check()
}

// Import makes the draft one that takes resources into the root stack which an
// update of it made, and which a rollback left outside of it: each with the
// properties that its creation showed, as literals, and the DeletionPolicy Retain,
// which an import wants. [Draft.Apply] carries it out with a change set of the type IMPORT,
// in which nothing else may change; the resources are not touched by it. Those that
// the stack has are left out.
//
// Calls cloudformation:DescribeStackEvents. The draft is left as it was if Import
// returns an error: it was changed before, or one of the resources is not
// [Draft.Importable] or is declared by the stack's template as another one.
func (d *Draft) Import(ctx context.Context, api cfn.DescribeStackEventsAPIClient, resources []Deletion) error {
	root := d.Tree.Root
	if !d.Empty() {
		return fmt.Errorf("stack %s: an import changes nothing else: begin with a new draft", root.Name)
	}
	next := d.clone()
	for _, x := range resources {
		if r, ok := root.Resource(x.LogicalID); ok && r.PhysicalID == x.PhysicalID {
			continue
		}
		if x.StackID != root.ID || identifiers[x.Type] == "" {
			return next.Importable(x)
		}
		properties, err := propertiesOf(ctx, api, x)
		if err != nil {
			return err
		}
		if err := next.declare(x, properties); err != nil {
			return err
		}
		next.imports = append(next.imports, types.ResourceToImport{
			LogicalResourceId: &x.LogicalID, ResourceType: &x.Type, ResourceIdentifier: map[string]string{identifiers[x.Type]: x.PhysicalID},
		})
	}
	d.become(next)
	return nil
}

// declare adds a resource to the template of the root.
func (d *Draft) declare(x Deletion, properties json.RawMessage) error {
	root := d.Tree.Root
	value, err := json.Marshal(struct {
		Type           string
		DeletionPolicy string
		Properties     json.RawMessage
	}{x.Type, "Retain", properties})
	if err != nil {
		return fmt.Errorf("%s.%s: %w", x.Stack, x.LogicalID, err)
	}
	p, err := template.AddEntries(d.current[root.ID], []template.Entry{{Path: "/Resources/" + tree.Escape(x.LogicalID), Value: value}}, func(o *template.Options) { o.Original = true })
	if err != nil {
		return fmt.Errorf("stack %s: %w", root.Name, err)
	}
	d.current[root.ID] = p.Template
	return nil
}

// propertiesOf reads the properties with which a resource was made off the events of
// its stack, where its creation shows them resolved (docs/aws/cfn.md 8.5). They are
// kept nowhere.
func propertiesOf(ctx context.Context, api cfn.DescribeStackEventsAPIClient, x Deletion) (json.RawMessage, error) {
	for p := cfn.NewDescribeStackEventsPaginator(api, &cfn.DescribeStackEventsInput{StackName: &x.StackID}); p.HasMorePages(); {
		page, err := patiently(ctx, func(ctx context.Context) (*cfn.DescribeStackEventsOutput, error) { return p.NextPage(ctx) })
		if err != nil {
			return nil, stackErr(x.Stack, err)
		}
		for _, e := range page.StackEvents {
			text := aws.ToString(e.ResourceProperties)
			if aws.ToString(e.PhysicalResourceId) != x.PhysicalID || aws.ToString(e.LogicalResourceId) != x.LogicalID || text == "" {
				continue
			}
			var object map[string]any
			switch err := json.Unmarshal([]byte(text), &object); {
			case err != nil:
				return nil, fmt.Errorf("%s.%s: the properties that its events show cannot be read: %w", x.Stack, x.LogicalID, err)
			case strings.Contains(text, "****"):
				return nil, fmt.Errorf("%s.%s: a property is hidden: an import would set the mask", x.Stack, x.LogicalID)
			}
			return json.RawMessage(text), nil
		}
	}
	return nil, errors.New(x.Stack + "." + x.LogicalID + ": no event shows its properties")
}
