package template

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseImageRef(t *testing.T) {
	for text, want := range map[string]ImageRef{
		"nginx":                        {Repository: "nginx"},
		"nginx:1.25":                   {Repository: "nginx", Tag: "1.25"},
		"library/nginx:1.25":           {Repository: "library/nginx", Tag: "1.25"},
		"localhost/x":                  {Registry: "localhost", Repository: "x"},
		"localhost:5000/x/y":           {Registry: "localhost:5000", Repository: "x/y"},
		"localhost:5000/x:1@sha256:00": {Registry: "localhost:5000", Repository: "x", Tag: "1", Digest: "sha256:00"},
		"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b@sha256:00":        {Registry: "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", Repository: "a/b", Digest: "sha256:00"},
		"${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/backend:v1": {Registry: "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}", Repository: "backend", Tag: "v1"},
		"${Registry}/backend:${Tag}":                                            {Registry: "${Registry}", Repository: "backend", Tag: "${Tag}"},
		"${Image}":                                                              {Repository: "${Image}"},
		"${Repo.RepositoryUri}:5":                                               {Repository: "${Repo.RepositoryUri}", Tag: "5"},
		"${A::B}":                                                               {Repository: "${A::B}"},
		"x:{{resolve:ssm:/a/b:3}}":                                              {Repository: "x", Tag: "{{resolve:ssm:/a/b:3}}"},
		"${open":                                                                {Repository: "${open"},
		"":                                                                      {},
	} {
		got := parseImageRef(text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, text, got.String())
	}
	assert.Equal(t, "r.example/x:2", parseImageRef("r.example/x:1@sha256:00").with(":2"))
}
