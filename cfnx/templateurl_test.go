package cfnx

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplateURLs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][4]string{ // bucket, key, version, the URL of "next/a b.yaml" beside it
		"https://b.s3.amazonaws.com/dir/app.yaml":                               {"b", "dir/app.yaml", "", "https://b.s3.amazonaws.com/next/a%20b.yaml"},
		"https://b.s3.eu-west-1.amazonaws.com/app.yaml?versionId=3":             {"b", "app.yaml", "3", "https://b.s3.eu-west-1.amazonaws.com/next/a%20b.yaml"},
		"https://my.bucket.s3-us-west-2.amazonaws.com/app.yaml":                 {"my.bucket", "app.yaml", "", "https://my.bucket.s3-us-west-2.amazonaws.com/next/a%20b.yaml"},
		"https://my.s3bucket.s3.amazonaws.com/app.yaml":                         {"my.s3bucket", "app.yaml", "", "https://my.s3bucket.s3.amazonaws.com/next/a%20b.yaml"},
		"https://s3.amazonaws.com/b/dir/app.yaml":                               {"b", "dir/app.yaml", "", "https://s3.amazonaws.com/b/next/a%20b.yaml"},
		"https://s3-eu-west-1.amazonaws.com/b/app.yaml":                         {"b", "app.yaml", "", "https://s3-eu-west-1.amazonaws.com/b/next/a%20b.yaml"},
		"https://s3.eu-west-1.amazonaws.com/b/app.yaml":                         {"b", "app.yaml", "", "https://s3.eu-west-1.amazonaws.com/b/next/a%20b.yaml"},
		"https://b.s3.dualstack.eu-west-1.amazonaws.com/app.yaml":               {"b", "app.yaml", "", "https://b.s3.dualstack.eu-west-1.amazonaws.com/next/a%20b.yaml"},
		"https://s3.dualstack.eu-west-1.amazonaws.com/b/app.yaml":               {"b", "app.yaml", "", "https://s3.dualstack.eu-west-1.amazonaws.com/b/next/a%20b.yaml"},
		"https://b.s3.cn-north-1.amazonaws.com.cn/app.yaml":                     {"b", "app.yaml", "", "https://b.s3.cn-north-1.amazonaws.com.cn/next/a%20b.yaml"},
		"https://s3.cn-north-1.amazonaws.com.cn/b/app.yaml":                     {"b", "app.yaml", "", "https://s3.cn-north-1.amazonaws.com.cn/b/next/a%20b.yaml"},
		"https://b.s3-fips.us-gov-west-1.amazonaws.com/app.yaml":                {"b", "app.yaml", "", "https://b.s3-fips.us-gov-west-1.amazonaws.com/next/a%20b.yaml"},
		"https://b.s3.amazonaws.com/my%20dir/%C3%A9%2B.yaml":                    {"b", "my dir/é+.yaml", "", "https://b.s3.amazonaws.com/next/a%20b.yaml"},
		"https://ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/a.yaml": {"arn:aws:s3:eu-west-1:123456789012:accesspoint/ap", "a.yaml", "", "https://ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/next/a%20b.yaml"},
		"s3://b/dir/app.yaml":                                                   {"b", "dir/app.yaml", "", "s3://b/next/a%20b.yaml"},
	} {
		o, err := parseTemplateURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, [4]string{o.bucket, o.key, o.version, o.at("next/a b.yaml")}, text)
	}
	for _, text := range []string{"", "app.yaml", "https://example.com/app.yaml", "https://s3.amazonaws.com/b", "https://b.s3.amazonaws.com/", "https://b.s3.amazonaws.com.evil.example/app.yaml", "https://x.s3-accesspoint.eu-west-1.amazonaws.com/a", "https://b.s3.amazonaws.com/%zz"} {
		_, err := parseTemplateURL(text)
		require.Error(t, err, text)
	}
}
