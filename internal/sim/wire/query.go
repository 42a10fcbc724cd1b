package wire

import (
	"net/http"
	"net/url"
	"reflect"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// query answers an AWS query request: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
func (h *Handler) query(q *request) {
	s, action, out, id, err := h.queryCall(q)
	q.w.Header().Set("X-Amzn-Requestid", id)
	if err != nil {
		f := describe(err)
		kind := "Sender"
		if f.status >= http.StatusInternalServerError {
			kind = "Receiver"
		}
		b := append([]byte(`<ErrorResponse xmlns="`+s.namespace+`">`), "<Error>"...)
		b = text(text(text(b, "Type", kind), "Code", f.code), "Message", f.text())
		b = append(text(append(b, "</Error>"...), "RequestId", id), "</ErrorResponse>\n"...)
		q.write(f.status, "text/xml", b)
		return
	}
	b := []byte(`<` + action + `Response xmlns="` + s.namespace + `">`)
	if !noResult[s.pkg+"."+action] {
		b = xmlStyle{seconds: wholeSeconds[s.pkg]}.element(b, action+"Result", reflect.ValueOf(out))
	}
	b = append(text(append(b, "<ResponseMetadata>"...), "RequestId", id), "</ResponseMetadata></"+action+"Response>\n"...)
	q.write(http.StatusOK, "text/xml", b)
}

func (h *Handler) queryCall(q *request) (s *service, action string, out any, id string, err error) {
	s = byName(q.scope.Service)
	if s == nil {
		s = &service{}
	}
	form := q.URL.Query()
	if q.Method == http.MethodPost {
		body, fits, err := q.read(maxBody)
		if !fits {
			return s, "", nil, q.id, withStatus(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request body is larger than this service accepts")
		}
		if err == nil {
			form, err = url.ParseQuery(string(body))
		}
		if err != nil {
			return s, "", nil, q.id, op.Error("MalformedQueryString", "The query string contains a syntax error.")
		}
	}
	action = form.Get("Action")
	if v := byVersion(form.Get("Version")); v != nil {
		s = v
	}
	if h.foreign(q.scope) {
		return s, action, nil, q.id, withStatus(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	o, ok := h.ops()[s.pkg+"."+action]
	switch {
	case action == "":
		return s, action, nil, q.id, op.Error("MissingAction", "The request is missing an action or a required parameter.")
	case !ok || form.Get("Version") != s.version:
		return s, action, nil, q.id, op.Error("InvalidAction", "Could not find operation "+action+" for version "+form.Get("Version"))
	}
	tree, err := queryTree(form)
	if err != nil {
		return s, action, nil, q.id, op.Error("MalformedInput", err.Error())
	}
	in := reflect.New(o.In)
	if err := (filler{text: true}).fill(in.Elem(), tree, action); err != nil {
		return s, action, nil, q.id, op.Error("MalformedInput", err.Error())
	}
	out, id, err = h.invoke(q, s, o, in)
	return s, action, out, id, err
}
