package wire

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// restJSON answers a request of Lambda's protocol, whose operations are known
// by method and path: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
func (h *Handler) restJSON(q *request, s *service) {
	if h.ops()[s.pkg+"."+jsonRoutes[jsonRoute(q.Request)]].Name == "" {
		q.unknown(q.Method + " " + q.URL.Path + " of " + s.signing)
		return
	}
	out, id, err := h.restJSONCall(q, s)
	q.w.Header().Set("X-Amzn-Requestid", id)
	if err == nil {
		q.write(http.StatusOK, s.media, appendJSON(nil, reflect.ValueOf(out), s.capital))
		return
	}
	f := describe(err)
	q.w.Header().Set("X-Amzn-Errortype", f.code)
	kind := "User"
	if f.status >= http.StatusInternalServerError {
		kind = "Service"
	}
	b := append([]byte(`{"Type":`), appendString(nil, kind)...)
	b = append(append(b, `,"Message":`...), appendString(nil, f.text())...)
	q.write(f.status, s.media, append(b, '}'))
}

func (h *Handler) restJSONCall(q *request, s *service) (out any, id string, err error) {
	if h.foreign(q.scope) {
		return nil, q.id, withStatus(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	o := h.ops()[s.pkg+"."+jsonRoutes[jsonRoute(q.Request)]]
	in := reflect.New(o.In)
	for _, m := range planOf(o.In) {
		if !q.URL.Query().Has(m.name) {
			continue
		}
		if err := (filler{text: true}).fill(in.Elem().Field(m.index), q.URL.Query().Get(m.name), m.name); err != nil {
			return nil, q.id, op.Error("SerializationException", err.Error())
		}
	}
	return h.invoke(q, s, o, in)
}

func jsonRoute(r *http.Request) string { return r.Method + " " + strings.TrimSuffix(r.URL.Path, "/") }
