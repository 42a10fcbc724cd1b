package wire

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// json answers an AWS JSON request: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
func (h *Handler) json(q *request, target string) {
	prefix, name, _ := strings.Cut(target, ".")
	s := byTarget(prefix)
	if s == nil {
		s = &service{media: "application/x-amz-json-1.1"}
	}
	out, id, err := h.jsonCall(q, s, name)
	q.w.Header().Set("X-Amzn-Requestid", id)
	if err == nil {
		q.write(http.StatusOK, s.media, appendJSON(nil, reflect.ValueOf(out), s.capital))
		return
	}
	f := describe(err)
	b := append([]byte(`{"__type":`), appendString(nil, f.code)...)
	if f.message != nil {
		// The text is a member like others where the error is modelled.
		b = append(b, ',')
		b = append(appendKey(b, "Message", s.capital && f.fields.IsValid()), appendString(nil, *f.message)...)
	}
	if f.fields.IsValid() {
		for _, m := range planOf(f.fields.Type()) {
			if v := f.fields.Field(m.index); m.name != "Message" && present(v) {
				b = append(b, ',')
				b = append(appendKey(b, m.name, s.capital), appendJSON(nil, v, s.capital)...)
			}
		}
	}
	q.write(f.status, s.media, append(b, '}'))
}

func (h *Handler) jsonCall(q *request, s *service, name string) (out any, id string, err error) {
	body, fits, err := q.read(maxBody)
	switch {
	case !fits:
		return nil, q.id, withStatus(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request body is larger than this service accepts")
	case err != nil:
		return nil, q.id, op.Error("SerializationException", "could not read the request body")
	case h.foreign(q.scope):
		return nil, q.id, op.Error("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	o, ok := h.ops()[s.pkg+"."+name]
	if !ok {
		return nil, q.id, op.Error("UnknownOperationException", "The simulated cloud has no "+s.pkg+":"+name)
	}
	t, err := jsonTree(body)
	if err != nil {
		return nil, q.id, op.Error("SerializationException", err.Error())
	}
	in := reflect.New(o.In)
	if err := (filler{}).fill(in.Elem(), t, "input"); err != nil {
		return nil, q.id, op.Error("SerializationException", err.Error())
	}
	return h.invoke(q, s, o, in)
}

// invoke makes the call once the input is known.
func (h *Handler) invoke(q *request, s *service, o op.Operation, in reflect.Value) (out any, id string, err error) {
	if err := missing(s, o, in.Elem()); err != nil {
		return nil, q.id, err
	}
	out, id, err = h.guarded(q, o, in.Interface())
	if id == "" {
		id = q.id
	}
	if err != nil && !isAnswer(err) {
		q.abort(err)
	}
	return out, id, err
}
