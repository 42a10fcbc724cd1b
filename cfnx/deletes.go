package cfnx

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// Deletion is a physical resource that the clean-up after a rolled back update
// deletes, once the whole tree is back; it cannot be stopped then.
type Deletion struct {
	StackID    string `json:"stackId"`
	Stack      string `json:"stack"`
	LogicalID  string `json:"logicalId"`
	PhysicalID string `json:"physicalId"`
	Type       string `json:"type"`
	// Replaced is whether it is the new side of a replacement; otherwise the
	// update created the resource.
	Replaced bool `json:"replaced,omitempty"`
	// Kept is whether the template that made it keeps it as an orphan
	// (DeletionPolicy). Where that template was not read, see [Tree.ReadAttempted], it
	// is false: assumed to be deleted.
	Kept bool `json:"kept,omitempty"`
	// Resists is why the deletion will fail, after three tries, and leave the
	// resource behind outside of the stack: "DeletionProtection is set", or a
	// condition, "if it holds objects". "" where nothing is known to keep it.
	Resists string `json:"resists,omitempty"`
	// Shield is a command that can be taken back and makes the deletion fail; ""
	// where the type has none, or where it will fail anyway.
	Shield string `json:"shield,omitempty"`
	// ShieldAction is what Shield needs, as IAM names it.
	ShieldAction string `json:"shieldAction,omitempty"`
	// Reads are the resources of the same stack, by logical id, that the clean-up
	// deletes too and that this one names, as far as the update's template or its
	// events tell: one that is kept needs them.
	Reads []string `json:"reads,omitempty"`
	// HoldsData is whether a resource of its type holds what cannot be made
	// again.
	HoldsData bool `json:"holdsData,omitempty"`
	// UsedBy are the places in the documents given to [Tree.Deletes] that name it,
	// such as "Environment.QUEUE_URL" of container web: "web.Environment.QUEUE_URL".
	UsedBy []string `json:"usedBy,omitempty"`
}

// String is one line.
func (d Deletion) String() string {
	s := fmt.Sprintf("%s.%s (%s) %s: ", d.Stack, d.LogicalID, d.Type, d.PhysicalID)
	switch {
	case d.Kept:
		s += "kept outside of the stack"
	case d.Resists != "" && !strings.HasPrefix(d.Resists, "if "):
		s += "its deletion will fail, it stays outside of the stack: " + d.Resists
	case d.HoldsData:
		s += "deleted with its data"
	default:
		s += "deleted"
	}
	if strings.HasPrefix(d.Resists, "if ") {
		s += ", not " + d.Resists
	}
	if len(d.UsedBy) > 0 {
		s += ", used by " + strings.Join(d.UsedBy, ", ")
	}
	return s
}

// Deletes lists what the clean-up at the end of a continued rollback deletes:
// every resource that the failed update created, with all that is in nested
// stacks it created, and the new side of every replacement.
//
// inUse are what serves: task definitions and services, of the SDK, as the AWS
// CLI prints them, or as maps. A resource that one of them names, by its
// physical id or a part of an ARN, a URL or a host name, is reported with its place.
// The revision itself is not listed as used by itself. It is pure.
func (t *Tree) Deletes(inUse ...any) []Deletion {
	if t == nil || t.Root == nil || !t.Root.unsettled() {
		return nil
	}
	uses := namedIn(inUse)
	var out []Deletion
	for s := range t.All() {
		forward, _ := s.attempt()
		if createsStack(s) && s.parent != nil && len(forward) > 0 {
			out = append(out, allOf(s)...)
			continue
		}
		if createsStack(s) {
			continue
		}
		for _, id := range logicalIDs(forward) {
			out = append(out, deletions(s, forward, id)...)
		}
	}
	declared := map[string]declarations{}
	for i := range out {
		d := &out[i]
		if _, ok := declared[d.StackID]; !ok {
			declared[d.StackID] = newDeclarations(t.Stack(d.StackID))
		}
		policy, properties := declared[d.StackID].of(d.LogicalID)
		d.Reads = declared[d.StackID].reads(*d, out)
		// RetainExceptOnCreate deletes what the update created.
		d.Kept = policy == "Retain" && !d.Replaced
		if !d.Kept {
			d.shield(properties)
		}
		d.HoldsData = holdsData(d.Type)
		if d.Type != taskDefinitionType {
			d.UsedBy = uses.of(d.PhysicalID)
		}
	}
	return out
}

// logicalIDs are the resources that events tell of, in their order.
func logicalIDs(events []Event) []string {
	var ids []string
	for _, e := range events {
		if !e.own() && !slices.Contains(ids, e.LogicalID) {
			ids = append(ids, e.LogicalID)
		}
	}
	return ids
}

// deletions are the physical resources that the update made for a resource.
func deletions(s *Stack, forward []Event, id string) []Deletion {
	made := created(forward, s, id)
	was := s.Recorded(id)
	var out []Deletion
	for _, e := range forward {
		if e.LogicalID != id || e.own() || e.PhysicalID == "" || e.PhysicalID == was {
			continue
		}
		if slices.ContainsFunc(out, func(d Deletion) bool { return d.PhysicalID == e.PhysicalID }) {
			continue
		}
		if strings.HasPrefix(string(e.Status), "DELETE_") {
			continue
		}
		out = append(out, Deletion{StackID: s.ID, Stack: s.Name, LogicalID: id, PhysicalID: e.PhysicalID, Type: e.Type, Replaced: !made})
	}
	// One whose creation failed before it had a physical id leaves nothing.
	return out
}

// declarations are what the template of an update says of the resources that it
// made. It is the template of the attempt, or what CloudFormation has where the
// event of the resource shows that it is the same.
type declarations struct {
	s      *Stack
	r      *expr.Renderer // nil where nothing is known
	proven bool
}

func newDeclarations(s *Stack) declarations {
	out := declarations{s: s, proven: len(s.Attempted) > 0}
	d := attemptedDraft(&Tree{Root: s.root()})
	if !out.proven {
		d = draftOfTree(d.Tree)
		d.blind = true
	}
	if r, _, err := d.renderer(s, 0); err == nil {
		out.r = r
	}
	return out
}

// of are the DeletionPolicy and the properties of a resource, nothing where they
// are not known.
func (d declarations) of(logicalID string) (policy string, properties map[string]any) {
	if d.r == nil {
		return "", nil
	}
	n := d.r.Root.Get("Resources").Follow().Get(logicalID).Follow()
	rendered := d.r.Value(n.Get("Properties"))
	if !d.proven && !d.s.agrees(logicalID, rendered) {
		return "", nil
	}
	if p := n.Get("DeletionPolicy").Follow(); p != nil {
		policy = p.Value
	}
	properties, _ = rendered.(map[string]any)
	return policy, properties
}

// reads are those of all that one of them names.
func (d declarations) reads(x Deletion, all []Deletion) []string {
	deps := readDependencies(d.s.Attempted)
	var seen []string
	forward, _ := d.s.attempt()
	for _, e := range forward {
		if e.LogicalID == x.LogicalID {
			seen = slices.AppendSeq(seen, maps.Values(e.Shown))
		}
	}
	var out []string
	for _, o := range all {
		if o.StackID != x.StackID || o.LogicalID == x.LogicalID || slices.Contains(out, o.LogicalID) {
			continue
		}
		if slices.Contains(seen, shownDigest(o.PhysicalID)) || deps.dependsOn(x.LogicalID, map[string]bool{o.LogicalID: true}) {
			out = append(out, o.LogicalID)
		}
	}
	return out
}

// agrees reports whether the events of the update show the properties of a
// resource as they are rendered, at least one of them.
func (s *Stack) agrees(logicalID string, properties any) bool {
	forward, _ := s.attempt()
	for _, e := range forward {
		if e.LogicalID == logicalID && e.Shown != nil {
			ok, compared := agrees(e.Shown, "", properties)
			return ok && compared > 0
		}
	}
	return false
}

// allOf are all resources of a nested stack that the update created.
func allOf(s *Stack) []Deletion {
	var out []Deletion
	for _, r := range s.Resources {
		if r.PhysicalID == "" || r.Status == types.ResourceStatusDeleteComplete {
			continue
		}
		out = append(out, Deletion{StackID: s.ID, Stack: s.Name, LogicalID: r.LogicalID, PhysicalID: r.PhysicalID, Type: r.Type})
	}
	return out
}

// holdsData are the types whose deletion loses what nobody can make again.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
func holdsData(typ string) bool {
	switch typ {
	case "AWS::S3::Bucket", "AWS::S3Express::DirectoryBucket", "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::RDS::DBInstance", "AWS::RDS::DBCluster",
		"AWS::DocDB::DBCluster", "AWS::DocDB::DBInstance", "AWS::Neptune::DBCluster", "AWS::Neptune::DBInstance", "AWS::Redshift::Cluster", "AWS::RedshiftServerless::Namespace",
		"AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup", "AWS::ElastiCache::ServerlessCache", "AWS::MemoryDB::Cluster", "AWS::DAX::Cluster",
		"AWS::OpenSearchService::Domain", "AWS::OpenSearchServerless::Collection", "AWS::Elasticsearch::Domain", "AWS::EFS::FileSystem", "AWS::FSx::FileSystem", "AWS::FSx::Volume", "AWS::EC2::Volume",
		"AWS::SQS::Queue", "AWS::Kinesis::Stream", "AWS::KinesisFirehose::DeliveryStream", "AWS::MSK::Cluster", "AWS::MSK::ServerlessCluster", "AWS::AmazonMQ::Broker", "AWS::Events::Archive",
		"AWS::SecretsManager::Secret", "AWS::SSM::Parameter", "AWS::KMS::Key", "AWS::ECR::Repository", "AWS::Logs::LogGroup", "AWS::Cognito::UserPool", "AWS::Backup::BackupVault",
		"AWS::Timestream::Table", "AWS::Timestream::InfluxDBInstance", "AWS::QLDB::Ledger", "AWS::Cassandra::Table", "AWS::DSQL::Cluster", "AWS::CodeCommit::Repository", "AWS::Lightsail::Database":
		return true
	}
	return false
}

// usage are the texts of documents, with where they stand.
type usage []struct{ path, text string }

func namedIn(documents []any) usage {
	var u usage
	for _, doc := range documents {
		b, err := json.Marshal(doc)
		if err != nil {
			continue
		}
		var v any
		if json.Unmarshal(b, &v) == nil {
			u.walk("", v)
		}
	}
	slices.SortFunc(u, func(a, b struct{ path, text string }) int { return strings.Compare(a.path, b.path) })
	return u
}

func (u *usage) walk(path string, v any) {
	switch v := v.(type) {
	case string:
		*u = append(*u, struct{ path, text string }{path, v})
	case []any:
		for _, x := range v {
			if m, ok := x.(map[string]any); ok {
				if name, named := member(m, "name").(string); named {
					u.walk(join(strings.TrimSuffix(strings.TrimSuffix(path, "ContainerDefinitions"), "."), name), x)
					continue
				}
			}
			u.walk(path, x)
		}
	case map[string]any:
		for k, x := range v {
			switch {
			case strings.EqualFold(k, "value"), strings.EqualFold(k, "valueFrom"):
				u.walk(path, x)
			case strings.EqualFold(k, "name"), readOnlyTask[strings.ToLower(k)]:
			default:
				u.walk(join(path, upper(k)), x)
			}
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// of are the places that name a physical resource: whole, or as a part that is
// set off on both sides.
func (u usage) of(physical string) []string {
	var out []string
	for _, name := range names(physical) {
		for _, x := range u {
			if setOff(x.text, name) && !slices.Contains(out, x.path) {
				out = append(out, x.path)
			}
		}
	}
	return out
}

// names are what a physical id may be named by: itself, and the name at the
// end of an ARN or a URL.
func names(physical string) []string {
	if len(physical) < 3 {
		return nil
	}
	out := []string{physical}
	if strings.HasPrefix(physical, "arn:") || strings.Contains(physical, "://") {
		if i := strings.LastIndexAny(physical, ":/"); i >= 0 && len(physical)-i > 3 {
			out = append(out, physical[i+1:])
		}
	}
	return out
}

// setOff reports whether name occurs in text with nothing next to it that could
// belong to a longer name.
func setOff(text, name string) bool {
	part := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(name)
		if (i == 0 || !part(text[i-1]) || !part(name[0])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = i + 1
	}
}
