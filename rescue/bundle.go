package rescue

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// Bundle is the evidence: what AWS answered, redacted, as versioned JSON. A
// diagnosis can be made from it later and elsewhere, long after ECS has
// forgotten the tasks.
type Bundle struct {
	// Version of the format; this package writes and reads 1.
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
	// Images are all that the services and the templates refer to, by reference.
	Images map[string]ImageFacts `json:"images,omitempty"`
	// Policies are lifecycle policies, by "registry/repository"; "" for a
	// repository without one.
	Policies map[string]string `json:"policies,omitempty"`
	// Freezes are, by the same names, the policies less the rules that would
	// take away an image that the way forward needs.
	Freezes map[string]*ecrx.Frozen `json:"freezes,omitempty"`
	// Lost are outputs that templates declare and stacks do not have.
	Lost []cfnx.LostOutput `json:"lost,omitempty"`
	// Problems are what could not be read, and why.
	Problems []string `json:"problems,omitempty"`
}

// ServiceFacts are an ECS service of a stack.
type ServiceFacts struct {
	StackID   string       `json:"stackId"`
	LogicalID string       `json:"logicalId"`
	Service   ecsx.Service `json:"service"`
	Status    string       `json:"status"`
	Desired   int          `json:"desired"`
	Running   int          `json:"running"`
	Pending   int          `json:"pending"`
	// Primary is the deployment that ECS is bringing the service to, State and
	// Reason how far it is.
	Primary string `json:"primary,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Breaker is whether a circuit breaker would end a failing deployment.
	Breaker    bool                           `json:"breaker"`
	Controller string                         `json:"controller,omitempty"`
	Events     []string                       `json:"events,omitempty"`
	Network    *ecstypes.NetworkConfiguration `json:"network,omitempty"`
	LaunchType ecstypes.LaunchType            `json:"launchType,omitempty"`
	// CapacityProviders are set instead of a launch type.
	CapacityProviders []ecstypes.CapacityProviderStrategyItem `json:"capacityProviders,omitempty"`

	// Current is the revision the service is set to, Forward the one that the
	// failed update made, Back the one that the stack wants to go back to. They
	// may be the same; "" where there is none.
	Current string `json:"current,omitempty"`
	Forward string `json:"forward,omitempty"`
	Back    string `json:"back,omitempty"`
	// Definitions are those revisions, by ARN.
	Definitions map[string]Definition `json:"definitions,omitempty"`
}

// Definition is a task definition revision, without the values of its
// environment.
type Definition struct {
	ARN        string      `json:"arn"`
	Active     bool        `json:"active"`
	Containers []Container `json:"containers"`
}

// Container is one container of a [Definition].
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// Secrets are the ARNs of its secrets, by variable.
	Secrets  map[string]string `json:"secrets,omitempty"`
	LogGroup string            `json:"logGroup,omitempty"`
}

// ImageFacts are how an image stands.
type ImageFacts struct {
	State  ecrx.State `json:"state"`
	Digest string     `json:"digest,omitempty"`
	Tags   []string   `json:"tags,omitempty"`
	Error  string     `json:"error,omitempty"`
}

// bundleFile is the name of a bundle in the folder that a caller names.
const bundleFile = "bundle.json"

// Write puts the bundle into the folder, which it makes, as bundle.json. An
// earlier bundle there is replaced only when the new one is written whole.
func (b *Bundle) Write(dir string) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	tmp := filepath.Join(dir, "."+bundleFile+".tmp")
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, bundleFile)); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	return nil
}

// OpenBundle reads a bundle from the folder that [Bundle.Write] was given.
func OpenBundle(dir string) (*Bundle, error) {
	data, err := os.ReadFile(filepath.Join(dir, bundleFile))
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return ReadBundle(data)
}

// ReadBundle reads a bundle. One of another version is refused.
func ReadBundle(data []byte) (*Bundle, error) {
	var b Bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	if b.Version != 1 {
		return nil, fmt.Errorf("evidence: version %d, this program reads 1", b.Version)
	}
	if b.Tree == nil || b.Tree.Root == nil {
		return nil, fmt.Errorf("evidence: no stack in it")
	}
	b.Tree.Link()
	return &b, nil
}
