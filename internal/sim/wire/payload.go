package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// payload is the body of an S3 request, without the framing that SDKs put
// around streams (aws-chunked:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html).
func (q *request) payload() (body []byte, fits bool, err error) {
	body, fits, err = q.read(maxObject)
	if err != nil || !fits {
		return nil, fits, err
	}
	encoding := q.Header.Get("Content-Encoding")
	if !strings.Contains(encoding, "aws-chunked") && !strings.HasPrefix(q.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return body, true, nil
	}
	// What remains describes the object.
	rest := strings.Trim(strings.Replace(encoding, "aws-chunked", "", 1), ", ")
	q.Header.Del("Content-Encoding")
	if rest != "" {
		q.Header.Set("Content-Encoding", rest)
	}
	body, trailers, err := unchunk(body)
	for name, value := range trailers {
		q.Header.Set(name, value)
	}
	return body, true, err
}

func unchunk(framed []byte) (body []byte, trailers map[string]string, err error) {
	r := bufio.NewReader(bytes.NewReader(framed))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseUint(size, 16, 31)
		if err != nil || n > uint64(len(framed)) {
			return nil, nil, fmt.Errorf("chunk of size %q", size)
		}
		if n == 0 {
			rest, err := io.ReadAll(r)
			return body, readTrailers(string(rest)), err
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, nil, err
		}
		body = append(body, chunk[:n]...)
	}
}

// readTrailers reads the checksum after the chunks; nothing else is of
// interest there.
func readTrailers(s string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(s) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok && strings.HasPrefix(strings.ToLower(name), "x-amz-checksum-") {
			found[name] = strings.TrimSpace(value)
		}
	}
	return found
}
