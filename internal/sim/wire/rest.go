package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// rest answers a request of S3's protocol: https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
func (h *Handler) rest(q *request) {
	bucket, key := address(q.Request)
	r, out, id, err := h.restCall(q, bucket, key)
	q.w.Header().Set("X-Amz-Request-Id", id)
	q.w.Header().Set("X-Amz-Id-2", "simulated")
	if err == nil {
		err = q.restAnswer(r, out)
	}
	if err == nil {
		return
	}
	f := describe(err)
	b := text(text([]byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error>"), "Code", f.code), "Message", f.text())
	switch f.code {
	case "NoSuchBucket", "BucketNotEmpty":
		b = text(b, "BucketName", bucket)
	case "NoSuchKey":
		b = text(b, "Key", key)
	default:
		b = text(b, "Resource", q.URL.Path)
	}
	b = append(text(text(b, "RequestId", id), "HostId", "simulated"), "</Error>"...)
	q.write(f.status, "application/xml", b)
}

// address is the bucket and key of a request, in the path or with the bucket
// in the host's name
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html).
func address(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	host, _, _ := strings.Cut(r.Host, ":")
	for _, mark := range []string{".s3.", ".s3-", ".localhost"} {
		if i := strings.Index(host, mark); i > 0 && (mark != ".localhost" || strings.HasSuffix(host, mark)) {
			return host[:i], path
		}
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

func (h *Handler) restCall(q *request, bucket, key string) (r route, out any, id string, err error) {
	if h.foreign(q.scope) {
		return r, nil, q.id, withStatus(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	}
	r, ok := find(q.Request, bucket, key)
	o, known := h.ops()["s3."+r.name]
	if ok && !known {
		return r, nil, q.id, withStatus(http.StatusNotImplemented, "NotImplemented", "The simulated cloud has no s3:"+r.name)
	}
	if !ok {
		return r, nil, q.id, withStatus(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented")
	}
	in := reflect.New(o.In)
	body, fits, err := q.payload()
	switch {
	case !fits:
		return r, nil, q.id, op.Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	case err != nil:
		return r, nil, q.id, op.Error("IncompleteBody", "The request body terminated unexpectedly")
	}
	if err := bind(in.Elem(), q.Request); err != nil {
		return r, nil, q.id, op.Error("InvalidArgument", err.Error())
	}
	for name, v := range map[string]string{"Bucket": bucket, "Key": key} {
		if f := in.Elem().FieldByName(name); f.IsValid() && v != "" {
			f.Set(reflect.ValueOf(&v))
		}
	}
	if put, ok := in.Interface().(*s3.PutObjectInput); ok {
		put.Body = bytes.NewReader(body)
	}
	if r.payload != "" {
		t, err := xmlTree(body)
		if err == nil {
			err = filler{text: true, flat: true}.fill(in.Elem().FieldByName(r.payload), t, r.payload)
		}
		if err != nil {
			return r, nil, q.id, op.Error("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
		}
	}
	out, id, err = h.invoke(q, byName("s3"), o, in)
	return r, out, id, err
}

// restAnswer sends an output: its body, an XML document or nothing, and its
// scalar members as headers.
func (q *request) restAnswer(r route, out any) error {
	v := reflect.ValueOf(out).Elem()
	for _, m := range planOf(v.Type()) {
		if f := v.Field(m.index); present(f) && m.name != "Body" && r.root == "" {
			setHeader(q.w.Header(), m.name, f)
		}
	}
	if g, ok := out.(*s3.GetObjectOutput); ok {
		status := r.status
		if g.ContentRange != nil {
			status = http.StatusPartialContent
		}
		body, err := io.ReadAll(g.Body)
		if err != nil {
			return err
		}
		q.write(status, "", body)
		return nil
	}
	if r.root == "" {
		if length := q.w.Header().Get("Content-Length"); q.Method == http.MethodHead && length != "" {
			q.w.WriteHeader(r.status)
			return nil
		}
		q.write(r.status, "", nil)
		return nil
	}
	if r.member != "" {
		v = v.FieldByName(r.member)
	}
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	b := []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + r.root + ` xmlns="` + byName("s3").namespace + `">`)
	if present(v) {
		b = xmlStyle{flat: true}.content(b, v)
	}
	q.write(r.status, "application/xml", append(b, "</"+r.root+">"...))
	return nil
}

func setHeader(h http.Header, name string, v reflect.Value) {
	v = reflect.Indirect(v)
	header := headers[name]
	if header == "" {
		header = "X-Amz-" + kebab(name)
	}
	switch {
	case v.Type() == timeType:
		h.Set(header, v.Interface().(time.Time).UTC().Format(http.TimeFormat))
	case v.Kind() == reflect.Map:
		for it := v.MapRange(); it.Next(); {
			h.Set("X-Amz-Meta-"+it.Key().String(), it.Value().String())
		}
	case v.Kind() == reflect.Struct || v.Kind() == reflect.Slice || v.Kind() == reflect.Interface:
	default:
		h.Set(header, fmt.Sprint(v.Interface()))
	}
}
