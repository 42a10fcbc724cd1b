package ecrx

import (
	"cmp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// Repository names a repository of a private registry.
type Repository struct {
	// Account and Region are where it is; "" is that of the client.
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	Name    string `json:"name"`
}

// String is "account/region/name" less what is not set.
func (r Repository) String() string {
	s := r.Name
	if r.Region != "" {
		s = r.Region + "/" + s
	}
	if r.Account != "" {
		s = r.Account + "/" + s
	}
	return s
}

func (r Repository) compare(o Repository) int {
	return cmp.Or(strings.Compare(r.Account, o.Account), strings.Compare(r.Region, o.Region), strings.Compare(r.Name, o.Name))
}

// registry is the RegistryId of calls.
func (r Repository) registry() *string {
	if r.Account == "" {
		return nil
	}
	return &r.Account
}

// there directs one call to the repository's region.
func (r Repository) there(o *ecr.Options) {
	if r.Region != "" {
		o.Region = r.Region
	}
}

// once keeps the SDK from repeating a mutation whose answer was lost: what is
// there is looked at before another try.
func once(o *ecr.Options) { o.RetryMaxAttempts = 1 }

// Repo is where a private image is; the zero Repository for any other.
func (i Image) Repo() Repository {
	if !i.Private() {
		return Repository{}
	}
	return Repository{Account: i.Account, Region: i.Region, Name: i.Repository}
}
