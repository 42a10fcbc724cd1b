package wire

import (
	"net/http"
	"strings"
)

// A scope is what a Signature Version 4 says a request is meant for:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type scope struct{ AccessKey, Region, Service string }

// readScope reads the credential of the Authorization header or of a presigned
// URL; what is not there stays empty.
func readScope(r *http.Request) scope {
	credential := r.URL.Query().Get("X-Amz-Credential")
	header := r.Header.Get("Authorization")
	if _, after, ok := strings.Cut(header, "Credential="); ok && strings.HasPrefix(header, "AWS4-") {
		credential, _, _ = strings.Cut(after, ",")
	}
	f := strings.Split(strings.TrimSpace(credential), "/")
	switch {
	case len(f) == 5 && f[4] == "aws4_request":
		return scope{AccessKey: f[0], Region: f[2], Service: f[3]}
	case len(f) == 4 && f[3] == "aws4_request": // version 4A, for many regions
		region, _, _ := strings.Cut(r.Header.Get("X-Amz-Region-Set"), ",")
		return scope{AccessKey: f[0], Region: strings.Trim(region, "* "), Service: f[2]}
	}
	return scope{}
}
