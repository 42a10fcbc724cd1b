package wire_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/simtest"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
)

// A replay is the requests behind one recorded test, one on each line:
//
//	Operation {"its": "input"} => name of the recorded answer
//
// $now is the time in milliseconds, $uuid a new one each, $x.Member a member of
// the answer that was recorded or marked ("as x") before. A request is sent as
// the recording client sent it, which adds a token where the line does not say
// "raw".
type replay struct{ test, steps string }

type player struct {
	t       *testing.T
	service string
	client  *http.Client
	answers map[string]map[string]any
	uuids   int
}

func (p *player) run(r replay, recorded map[string]any) (matched int) {
	m := &matcher{bound: map[string]string{}}
	p.answers = map[string]map[string]any{}
	for _, line := range strings.Split(strings.TrimSpace(r.steps), "\n") {
		line, key, _ := strings.Cut(strings.TrimSpace(line), " => ")
		line, mark, _ := strings.Cut(line, " as ")
		line, raw := strings.CutPrefix(line, "raw ")
		name, body, _ := strings.Cut(line, " ")
		status, answer := p.call(name, p.expand(body), raw)
		p.answers[mark] = answer
		p.answers[key] = answer
		if key == "" {
			require.Equal(p.t, http.StatusOK, status, "%s: %v", line, answer)
			continue
		}
		var want any
		ok := true
		if inner, isInner := strings.CutPrefix(key, "."); isInner { // the whole recording is one member of the answer
			answer = map[string]any{inner: answer[inner]}
			want = map[string]any{inner: recorded[inner]}
		} else {
			want, ok = recorded[key]
		}
		require.True(p.t, ok, "%s: no recorded answer %q", r.test, key)
		matched++
		require.Empty(p.t, m.diff(key, p.wanted(want, status, &answer), any(answer)), "%s: %s", r.test, line)
	}
	return matched
}

// wanted undoes what the recording client made of an answer.
func (p *player) wanted(want any, status int, got *map[string]any) any {
	w, isObject := want.(map[string]any)
	if !isObject {
		if s, ok := want.(string); ok { // an error in words
			*got = map[string]any{"text": fmt.Sprintf("An error occurred (%s) when calling the GetSecretValue operation: %s", (*got)["__type"], (*got)["Message"])}
			return map[string]any{"text": s}
		}
		*got = map[string]any{"list": (*got)["logGroups"]}
		return map[string]any{"list": want}
	}
	if meta, ok := w["ResponseMetadata"].(map[string]any); ok {
		require.EqualValues(p.t, meta["HTTPStatusCode"], status)
	}
	e, isError := w["Error"].(map[string]any)
	if !isError || status < 300 {
		return want
	}
	if code, ok := e["__type"]; ok { // recorded without a client
		return map[string]any{"__type": code, "Message": e["Message"]}
	}
	g := map[string]any{"Error": map[string]any{"Code": (*got)["__type"], "Message": (*got)["message"]}}
	if t, ok := (*got)["Type"]; ok {
		g["Error"].(map[string]any)["Type"] = t
	}
	if m, ok := (*got)["Message"]; ok {
		g["Error"].(map[string]any)["Message"], g["Message"] = m, m
	}
	*got = g
	return want
}

var reference = regexp.MustCompile(`\$([a-z0-9_-]+)((?:\.[A-Za-z0-9]+)*)(-7)?`)

func (p *player) expand(body string) string {
	return reference.ReplaceAllStringFunc(body, func(s string) string {
		f := reference.FindStringSubmatch(s)
		switch f[1] {
		case "now":
			return fmt.Sprint(time.Now().UnixMilli())
		case "old":
			return fmt.Sprint(time.Now().Add(-30 * 24 * time.Hour).UnixMilli())
		case "earlier":
			return fmt.Sprint(time.Now().Add(-48 * time.Hour).UnixMilli())
		case "future":
			return fmt.Sprint(time.Now().Add(24 * time.Hour).UnixMilli())
		case "uuid":
			return p.uuid()
		}
		var v any = p.answers[f[1]]
		for _, k := range strings.Split(strings.TrimPrefix(f[2], "."), ".") {
			m, ok := v.(map[string]any)
			require.True(p.t, ok, "%s has no %s", s, k)
			v = m[k]
		}
		x, ok := v.(string)
		require.True(p.t, ok, "%s is %v", s, v)
		if f[3] != "" {
			x = x[:len(x)-7]
		}
		return x
	})
}

func (p *player) uuid() string {
	p.uuids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", p.uuids)
}

func (p *player) call(name, body string, raw bool) (status int, answer map[string]any) {
	request := map[string]any{}
	if body != "" {
		require.NoError(p.t, json.Unmarshal([]byte(body), &request), body)
	}
	if p.service == "secretsmanager" && !raw && request["ClientRequestToken"] == nil && (name == "CreateSecret" || name == "PutSecretValue" || name == "UpdateSecret") {
		request["ClientRequestToken"] = p.uuid()
	}
	var req *http.Request
	var err error
	if p.service == "sts" {
		form := url.Values{"Action": {name}, "Version": {"2011-06-15"}}
		flatten(form, "", request)
		req, err = http.NewRequestWithContext(p.t.Context(), http.MethodPost, "https://sts.amazonaws.com/", strings.NewReader(form.Encode()))
		require.NoError(p.t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	} else {
		b, err := json.Marshal(request)
		require.NoError(p.t, err)
		req, err = http.NewRequestWithContext(p.t.Context(), http.MethodPost, "https://aws.example/", bytes.NewReader(b))
		require.NoError(p.t, err)
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", map[string]string{"logs": "Logs_20140328", "secretsmanager": "secretsmanager", "ssm": "AmazonSSM"}[p.service]+"."+name)
	}
	res, err := p.client.Do(req)
	require.NoError(p.t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, res.Body.Close())
	if p.service == "sts" {
		return res.StatusCode, xmlAnswer(p.t, name, b)
	}
	require.NoError(p.t, json.Unmarshal(b, &answer), string(b))
	return res.StatusCode, answer
}

func flatten(form url.Values, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(form, strings.TrimPrefix(prefix+"."+k, "."), x)
		}
	case []any:
		for i, x := range v {
			flatten(form, fmt.Sprintf("%s.member.%d", prefix, i+1), x)
		}
	default:
		form.Set(prefix, fmt.Sprint(v))
	}
}

// xmlAnswer is the result of a query answer, or its error in the form of JSON
// protocols.
func xmlAnswer(t *testing.T, name string, b []byte) map[string]any {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	stack := []map[string]any{{}}
	var names []string
	text := ""
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, string(b))
		switch tok := tok.(type) {
		case xml.StartElement:
			names, stack, text = append(names, tok.Name.Local), append(stack, map[string]any{}), ""
		case xml.CharData:
			text += string(tok)
		case xml.EndElement:
			top, n := stack[len(stack)-1], names[len(names)-1]
			stack, names = stack[:len(stack)-1], names[:len(names)-1]
			if len(top) > 0 {
				stack[len(stack)-1][n] = top
			} else {
				stack[len(stack)-1][n] = text
			}
			text = ""
		}
	}
	if e, ok := stack[0]["ErrorResponse"].(map[string]any); ok {
		f := e["Error"].(map[string]any)
		return map[string]any{"__type": f["Code"], "message": f["Message"], "Type": f["Type"]}
	}
	result, ok := stack[0][name+"Response"].(map[string]any)[name+"Result"].(map[string]any)
	require.True(t, ok, string(b))
	return result
}

// TestReplay sends the requests behind recorded answers of the real services
// and compares the simulated answers with them. Every recorded test is either
// replayed or listed with the reason why not.
func TestReplay(t *testing.T) {
	t.Parallel()
	for file, set := range replays {
		t.Run(file, func(t *testing.T) {
			recorded := readRecordings(t, file)
			tests, answers := 0, 0
			seen := map[string]bool{}
			for _, r := range set.replays {
				for name, content := range recorded {
					own := strings.Contains(r.test, "[")
					if name != r.test && (own || !strings.HasPrefix(name, r.test+"[") || named(set.replays, name)) {
						continue
					}
					seen[name] = true
					tests++
					t.Run(name, func(t *testing.T) {
						simtest.Bubble(t, func(t *testing.T) {
							f := newFixture()
							service, _, _ := strings.Cut(file, "/")
							p := &player{t: t, service: service, client: &http.Client{Transport: wire.Direct(f.handler())}}
							_, parameter, _ := strings.Cut(name, "[")
							answers := p.run(replay{name, strings.ReplaceAll(r.steps, "$parameter", parameterOf(parameter))}, content)
							require.NotZero(t, answers)
						})
					})
					answers += strings.Count(r.steps, " => ")
				}
			}
			for name, why := range set.leftOut {
				require.NotEmpty(t, why)
				for other := range recorded {
					if other == name || strings.HasPrefix(other, name) {
						seen[other] = true
					}
				}
			}
			for name := range recorded {
				require.True(t, seen[name], "%s is neither replayed nor left out with a reason", name)
			}
			t.Logf("%s: %d of %d recorded tests replayed, %d answers compared", file, tests, len(recorded), answers)
		})
	}
}

// named reports whether a recorded test has a replay of its own.
func named(replays []replay, test string) bool {
	return slices.ContainsFunc(replays, func(r replay) bool { return r.test == test })
}

// parameterOf is the secret's name in "[Valid/_+=.@-Name-True]".
func parameterOf(s string) string {
	s = strings.TrimSuffix(s, "]")
	s = strings.TrimSuffix(strings.TrimSuffix(s, "-True"), "-False")
	return s
}
