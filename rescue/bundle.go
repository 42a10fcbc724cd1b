package rescue

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// Bundle is the evidence: what AWS answered, redacted, as versioned JSON. A
// diagnosis can be made from it later and elsewhere, long after ECS has
// forgotten the tasks.
type Bundle struct {
	// Version of the format; this package writes 2 and reads 1 too.
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Region  string    `json:"region"`

	Tree   *cfnx.Tree         `json:"tree"`
	Ledger *cfnx.Ledger       `json:"ledger,omitempty"`
	Tasks  []ecsx.StoppedTask `json:"tasks,omitempty"`
	// Services are the ECS services of the tree.
	Services []ServiceFacts `json:"services,omitempty"`
	// Recorded are the revisions that the stacks have recorded for their task
	// definitions, by ARN, but for those in Services.
	Recorded map[string]Definition `json:"recorded,omitempty"`
	// ImageUsers are what runs images beside the services.
	ImageUsers []ImageUser `json:"imageUsers,omitempty"`
	// Others are who else operates on the stack, the newest first.
	Others []Other `json:"others,omitempty"`
	// Frozen are the repositories whose lifecycle policy a run has frozen and nobody
	// has put back, with the policy before; read off the folder's journal.
	Frozen map[string]string `json:"frozen,omitempty"`
	// Images are all that the services and the templates refer to, by reference.
	Images map[string]ImageFacts `json:"images,omitempty"`
	// Needs are the secrets and log groups that the services' revisions cannot start
	// without, by ARN and name.
	Needs map[string]needFacts `json:"needs,omitempty"`
	// Policies are lifecycle policies, by "registry/repository"; "" for a
	// repository without one.
	Policies map[string]string `json:"policies,omitempty"`
	// Freezes are, by the same names, the policies less the rules that would
	// take away an image that the way forward needs.
	Freezes map[string]*ecrx.Frozen `json:"freezes,omitempty"`
	// Stored are the nested stacks, by ARN, whose templates are where their parents
	// say that they are, as the stacks have them.
	Stored []string `json:"stored,omitempty"`
	// Lost are outputs that templates declare and stacks do not have.
	Lost []cfnx.LostOutput `json:"lost,omitempty"`
	// LostUnread is why those could not be found.
	LostUnread string `json:"lostUnread,omitempty"`
	// Partial is whether the capture ended before everything was read, such as by a
	// deadline: it explains, and no plan is made of it.
	Partial bool `json:"partial,omitempty"`
	// Problems are what could not be read, and why.
	Problems []string `json:"problems,omitempty"`
}

// Definition is a task definition revision, without the values of its
// environment.
type Definition struct {
	ARN        string      `json:"arn"`
	Active     bool        `json:"active"`
	Containers []Container `json:"containers"`
	// Document is the whole revision as ECS describes it, with "valueSha256" in
	// the place of each variable's value.
	Document json.RawMessage `json:"document,omitempty"`
}

// Container is one container of a [Definition].
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// Secrets are the ARNs of its secrets, by variable.
	Secrets  map[string]string `json:"secrets,omitempty"`
	LogGroup string            `json:"logGroup,omitempty"`
}

// needFacts say whether something that a revision needs is there.
type needFacts struct {
	There bool `json:"there"`
	// Why is why it is not, or why that is not known.
	Why     string `json:"why,omitempty"`
	Unknown bool   `json:"unknown,omitempty"`
}

// ImageFacts are the state of an image.
type ImageFacts struct {
	State  ecrx.State `json:"state"`
	Digest string     `json:"digest,omitempty"`
	Tags   []string   `json:"tags,omitempty"`
	// PushedAt is when the registry got it, by its own clock.
	PushedAt time.Time `json:"pushedAt,omitzero"`
	Error    string    `json:"error,omitempty"`
	// Replicas are where else the very same image is, by digest, if the repository has
	// lost it; ReplicasUnread is why that is not known.
	Replicas       []string `json:"replicas,omitempty"`
	ReplicasUnread string   `json:"replicasUnread,omitempty"`
}

// bundleVersion is the version that is written. Version 1 had the keys of Go's
// fields in places, and an SDK structure for the network; its services had no
// deployments, so that which revision serves is not known from it.
const bundleVersion = 2

// UnmarshalJSON reads a bundle of this or an earlier version; it returns an error
// for a later one, and for one without a stack.
func (b *Bundle) UnmarshalJSON(data []byte) error {
	data, err := templatesAsBytes(data)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	type plain Bundle
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if read.Version < 1 || read.Version > bundleVersion {
		return fmt.Errorf("evidence: version %d, this program reads 1 to %d", read.Version, bundleVersion)
	}
	if read.Tree == nil || read.Tree.Root == nil {
		return fmt.Errorf("evidence: no stack in it")
	}
	*b = Bundle(read)
	return nil
}
