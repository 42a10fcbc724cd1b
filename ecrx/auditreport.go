package ecrx

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// auditVersion is the Version of an [AuditReport].
const auditVersion = 1

// AuditReport is what [Audit] found; it is JSON as it is.
type AuditReport struct {
	Version int `json:"version"`
	// At is the moment it is about, Until the end of the window.
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	// Pushes is how many pushes are expected until then, 0 for as many as in the
	// last 30 days, negative for none: see [Headroom.Until].
	Pushes int `json:"pushes,omitempty"`
	// Repositories are sorted by name, Needs as they were given.
	Repositories []AuditedRepository `json:"repositories"`
	Needs        []NeedStatus        `json:"needs,omitempty"`

	read map[Repository][]Stored
}

// AuditedRepository is one repository of an [AuditReport].
type AuditedRepository struct {
	Repository Repository `json:"repository"`
	// Images of them Archived and Untagged, Bytes in all, as ECR counts them:
	// layers that images share count more than once.
	Images   int   `json:"images"`
	Archived int   `json:"archived,omitempty"`
	Untagged int   `json:"untagged,omitempty"`
	Bytes    int64 `json:"bytes"`
	// Policy is the policy's text, "" for none.
	Policy string `json:"policy,omitempty"`
	// Expires and Archives are how many images the policy takes the next time it
	// runs; for Uncertain ones that depends on how the documentation is read.
	Expires   int `json:"expires,omitempty"`
	Archives  int `json:"archives,omitempty"`
	Uncertain int `json:"uncertain,omitempty"`
	// Needed is how many needs are here.
	Needed   int       `json:"needed,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	// Error is why something is not known.
	Error string `json:"error,omitempty"`
}

// NeedStatus is the state of something that is needed, and who needs it.
type NeedStatus struct {
	Status
	By []string `json:"by"`
}

// Read is the images of every repository that was read, for CheckOptions.Read.
func (r *AuditReport) Read() map[Repository][]Stored { return r.read }

// Gone are the needs that cannot be pulled now.
func (r *AuditReport) Gone() []NeedStatus {
	return r.which(func(s NeedStatus) bool { return s.State.Gone() })
}

// Unknown are the needs of which that is not known. External ones do not count.
func (r *AuditReport) Unknown() []NeedStatus {
	return r.which(func(s NeedStatus) bool { return s.State == stateUnknown })
}

// Losing are the needs that are there and that a policy may take before the
// window ends.
func (r *AuditReport) Losing() []NeedStatus {
	return r.which(func(s NeedStatus) bool {
		h := s.Headroom
		return s.State.Usable() && h != nil && h.Until(r.At, r.Until, r.Pushes)
	})
}

func (r *AuditReport) which(is func(NeedStatus) bool) []NeedStatus {
	var out []NeedStatus
	for _, s := range r.Needs {
		if is(s) {
			out = append(out, s)
		}
	}
	return out
}

// WriteText writes a table of the repositories, then what is wrong, line by
// line.
func (r *AuditReport) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REPOSITORY\tIMAGES\tGB\tPOLICY\tEXPIRES\tARCHIVES\tNEEDED\tFINDINGS")
	for _, x := range r.Repositories {
		policy := "yes"
		if x.Policy == "" {
			policy = "no"
		}
		if x.Error != "" {
			policy = "unknown"
		}
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%s\t%d\t%d\t%d\t%d\n", x.Repository.Name, x.Images, float64(x.Bytes)/1e9, policy, x.Expires, x.Archives, x.Needed, len(x.Findings))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Needs {
		if s.State == stateOK || s.State == stateExternal {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s (needed by %s)\n", s.Status, who(s.By)); err != nil {
			return err
		}
	}
	for _, x := range r.Repositories {
		if x.Error != "" {
			if _, err := fmt.Fprintf(w, "repository %s: %s\n", x.Repository.Name, x.Error); err != nil {
				return err
			}
		}
		for _, f := range x.Findings {
			if _, err := fmt.Fprintf(w, "repository %s: %s: %s\n", x.Repository.Name, f.Code, f.Text); err != nil {
				return err
			}
		}
	}
	return nil
}
