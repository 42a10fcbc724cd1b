package cfnsim

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

var dynamicReference = regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):([^}]*)\}\}`)

// dynamicValues resolves the dynamic references in properties on their way to
// a resource's provider; what the stack records keeps the references, so that
// a reference whose text stays the same is no change, whatever it stands for
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html).
func (s *Service) dynamicValues(c *scope, v any) (any, error) {
	switch v := v.(type) {
	case string:
		return s.dynamicText(c, v)
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			r, err := s.dynamicValues(c, e)
			if err != nil {
				return nil, err
			}
			l[i] = r
		}
		return l, nil
	case object:
		m := make(object, len(v))
		for _, k := range sorted(v) {
			r, err := s.dynamicValues(c, v[k])
			if err != nil {
				return nil, err
			}
			m[k] = r
		}
		return m, nil
	}
	return v, nil
}

func (s *Service) dynamicText(c *scope, text string) (string, error) {
	var first error
	out := dynamicReference.ReplaceAllStringFunc(text, func(whole string) string {
		m := dynamicReference.FindStringSubmatch(whole)
		v, ok, err := s.lookUp(c, m[1], m[2])
		if err != nil && first == nil {
			first = err
		}
		if !ok {
			return whole
		}
		return v
	})
	return out, first
}

// lookUp answers one reference; ok is false where nothing can answer it.
func (s *Service) lookUp(c *scope, kind, key string) (value string, ok bool, err error) {
	if kind == "secretsmanager" {
		if s.deps.Secrets == nil {
			return "", false, nil
		}
		id, rest := splitSecret(key)
		out, err := s.deps.Secrets.GetSecretValue(c.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil {
			return "", false, invalidf("Could not retrieve a secret value for dynamic reference {{resolve:secretsmanager:%s}}: %v", key, err)
		}
		return secretPart(str(out.SecretString), rest), true, nil
	}
	if s.deps.SSM == nil {
		return "", false, nil
	}
	out, err := s.deps.SSM.GetParameter(c.ctx, &ssm.GetParameterInput{Name: &key, WithDecryption: ptr(true)})
	if err != nil || out.Parameter == nil { // docs/aws/recordings.md cloudformation/test_template_engine
		name, _, _ := strings.Cut(key, ":")
		return "", false, invalidf("Unable to fetch parameters [%s] from parameter store for this account.", name)
	}
	return str(out.Parameter.Value), true, nil
}

// splitSecret takes secret-id:SecretString:json-key:version-stage:version-id
// apart; the id may be an ARN of seven parts.
func splitSecret(key string) (id string, rest []string) {
	parts := strings.Split(key, ":")
	n := 1
	if strings.HasPrefix(key, "arn:") {
		n = min(7, len(parts))
	}
	return strings.Join(parts[:n], ":"), parts[n:]
}

func secretPart(secret string, rest []string) string {
	if len(rest) < 2 || rest[1] == "" {
		return secret
	}
	var m map[string]any
	if json.Unmarshal([]byte(secret), &m) != nil {
		return ""
	}
	return text(m[rest[1]])
}
