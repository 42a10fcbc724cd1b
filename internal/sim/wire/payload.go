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
	body, err = unchunk(body)
	return body, true, err
}

func unchunk(framed []byte) ([]byte, error) {
	r := bufio.NewReader(bytes.NewReader(framed))
	var body []byte
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseUint(size, 16, 31)
		if err != nil || n > uint64(len(framed)) {
			return nil, fmt.Errorf("chunk of size %q", size)
		}
		if n == 0 {
			return body, nil // trailers follow
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, err
		}
		body = append(body, chunk[:n]...)
	}
}
