package ecrx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	const host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
	for ref, want := range map[string]ecrx.Image{
		host + "/team/app:v1":                         {Registry: host, Account: "123456789012", Region: "eu-central-1", Repository: "team/app", Tag: "v1"},
		host + "/app@" + digest:                       {Registry: host, Account: "123456789012", Region: "eu-central-1", Repository: "app", Digest: digest},
		host + "/app:v1@" + digest:                    {Registry: host, Account: "123456789012", Region: "eu-central-1", Repository: "app", Tag: "v1", Digest: digest},
		host + "/app":                                 {Registry: host, Account: "123456789012", Region: "eu-central-1", Repository: "app", Tag: "latest"},
		"123456789012.dkr-ecr.us-east-1.on.aws/app:1": {Registry: "123456789012.dkr-ecr.us-east-1.on.aws", Account: "123456789012", Region: "us-east-1", Repository: "app", Tag: "1"},
		"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/app:1":       {Registry: "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", Account: "123456789012", Region: "us-gov-west-1", Repository: "app", Tag: "1"},
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1":            {Registry: "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Account: "123456789012", Region: "cn-north-1", Repository: "app", Tag: "1"},
		"123456789012.dkr-ecr-fips.us-east-1.on.aws/app:1":                  {Registry: "123456789012.dkr-ecr-fips.us-east-1.on.aws", Account: "123456789012", Region: "us-east-1", Repository: "app", Tag: "1"},
		"123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/app:1": {Registry: "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", Account: "123456789012", Region: "cn-north-1", Repository: "app", Tag: "1"},
		"123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/app:1":            {Registry: "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", Account: "123456789012", Region: "eusc-de-east-1", Repository: "app", Tag: "1"},
		"123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov/app:1":               {Registry: "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", Account: "123456789012", Region: "us-iso-east-1", Repository: "app", Tag: "1"},
		"ecr-public.aws.com/x/y:1":                                          {Registry: "ecr-public.aws.com", Repository: "x/y", Tag: "1"},
		"12345.dkr.ecr.us-east-1.amazonaws.com/app:1":                       {Registry: "12345.dkr.ecr.us-east-1.amazonaws.com", Repository: "app", Tag: "1"},
		"nginx":                 {Registry: "docker.io", Repository: "library/nginx", Tag: "latest"},
		"localhost:5000/app:v2": {Registry: "localhost:5000", Repository: "app", Tag: "v2"},
		"host:5000/app":         {Registry: "host:5000", Repository: "app", Tag: "latest"},
		"public.ecr.aws/x/y:1":  {Registry: "public.ecr.aws", Repository: "x/y", Tag: "1"},
	} {
		got, err := ecrx.Parse(ref)
		require.NoError(t, err, ref)
		require.Equal(t, want, got, ref)
		again, err := ecrx.Parse(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, bad := range []string{"", "App", "app:", "a b", "app@sha256:12"} {
		_, err := ecrx.Parse(bad)
		require.ErrorIs(t, err, ecrx.ErrReference, bad)
	}
}
