package rescuetest

import (
	"context"
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed incident/*.txt
var incidentScripts embed.FS

// firstIncident is the one that is not a script.
const firstIncident = "expired-rollback-image"

// Incidents lists what can go wrong, by the names that [NewIncident] takes, with
// a sentence about each.
func Incidents() map[string]string {
	all := map[string]string{firstIncident: "The running images have expired, the migration raced, and nothing can go back."}
	files, err := incidentScripts.ReadDir("incident")
	if err != nil {
		return all // they are part of the program
	}
	for _, f := range files {
		text, err := incidentScripts.ReadFile(path.Join("incident", f.Name()))
		if about, _, ok := strings.Cut(string(text), "\n"); ok && err == nil {
			all[strings.TrimSuffix(f.Name(), ".txt")] = strings.TrimPrefix(about, "# ")
		}
	}
	return all
}

func incidentText(name string) (string, error) {
	b, err := incidentScripts.ReadFile(path.Join("incident", name+".txt"))
	if err != nil {
		return "", fmt.Errorf("no incident %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(Incidents())), ", "))
	}
	return string(b), nil
}

// NewIncident builds an incident by its name. The knobs of those that are
// scripts are Stack, Desired, MinimumHealthyPercent and ScaledTo, beside the
// Options of the cloud; [ExpiredRollbackImage] has more. It returns an error if
// there is no such incident, or if an option cannot be met.
func NewIncident(ctx context.Context, name string, optFns ...func(*IncidentOptions)) (*Incident, error) {
	if name == firstIncident {
		return ExpiredRollbackImage(ctx, optFns...)
	}
	text, err := incidentText(name)
	if err != nil {
		return nil, err
	}
	o := defaultIncident()
	for _, fn := range optFns {
		fn(&o)
	}
	cloud := New(func(c *Options) { *c = o.Options })
	if transcript, err := cloud.Script(ctx, knobs(text, &o), nil); err != nil {
		return nil, fmt.Errorf("incident %s: %w\n%s", name, err, transcript)
	}
	if o.ScaledTo > 0 {
		if _, err := cloud.Script(ctx, fmt.Sprintf("update-service prod/app desired=%d\n----\n\nadvance 10m\n----\n", o.ScaledTo), nil); err != nil {
			return nil, err
		}
	}
	if gap := time.Since(cloud.Now()); gap > 0 {
		cloud.Advance(gap)
	}
	cloud.ForgetCalls()
	return &Incident{Cloud: cloud, Stack: o.Stack, Cluster: "prod", Service: "app", Database: &Database{}, OldTag: "v1", NewTag: "v2", Bucket: "templates"}, nil
}

// knobs puts the options into an incident's script.
func knobs(text string, o *IncidentOptions) string {
	return strings.NewReplacer("{{stack}}", o.Stack, "{{desired}}", fmt.Sprint(o.Desired), "{{minimum}}", fmt.Sprint(o.MinimumHealthyPercent)).Replace(text)
}
