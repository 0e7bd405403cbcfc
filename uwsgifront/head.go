package uwsgifront

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"penknife/gateway"
)

// fieldFacts is what the application's own header lines say already.
type fieldFacts struct{ date, length bool }

func readFields(fields []byte) (facts fieldFacts) {
	for len(fields) > 0 {
		facts.date = facts.date || hasName(fields, "date:")
		facts.length = facts.length || hasName(fields, "content-length:")
		fields = afterLine(fields)
	}
	return facts
}

func afterLine(fields []byte) []byte {
	end := bytes.IndexByte(fields, '\n')
	if end < 0 {
		return nil
	}
	return fields[end+1:]
}

// hasName compares the start of a line with a name in lower case.
func hasName(line []byte, name string) bool {
	if len(line) < len(name) || line[0]|0x20 != name[0] {
		return false
	}
	for i := range len(name) {
		c := line[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// isBodiless tells which answers have no content, whatever the application gave (RFC 9110 sections 6.4.1, 9.3.2).
func (c *conn) isBodiless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified || c.isHead()
}

func (c *conn) isHead() bool { return string(c.req.Method) == http.MethodHead }

// buildHead puts the head of an answer into c.head: the application's fields as they are, then ours. There is never a
// Transfer-Encoding: web servers pass chunks from a uwsgi peer on as content.
func (c *conn) buildHead(resp *gateway.Response) {
	facts := readFields(resp.Fields)
	dst := appendStatus(c.head[:0], resp.Status, resp.Reason)
	if facts.length && (resp.Status < 200 || resp.Status == http.StatusNoContent) {
		dst = appendWithoutLength(dst, resp.Fields) // RFC 9110 section 8.6
	} else {
		dst = append(dst, resp.Fields...)
	}
	if !facts.length && c.announces(resp) {
		dst = appendLength(dst, resp.Length)
	}
	if !facts.date {
		dst = c.srv.date.Append(dst, time.Now())
	}
	dst = c.srv.ids.AppendField(dst, resp.Fields, c.req.RequestID)
	c.head = append(dst, "Connection: close\r\n\r\n"...)
	c.status = resp.Status
}

// announces tells whether to add a Content-Length. A HEAD answer says what GET would have said; length 0 there is
// mostly an application that sent no body on purpose, so it is no reason to announce 0 bytes.
func (c *conn) announces(resp *gateway.Response) bool {
	if c.isBodiless(resp.Status) {
		return c.isHead() && resp.Length > 0 && resp.Status >= 200 &&
			resp.Status != http.StatusNoContent && resp.Status != http.StatusNotModified
	}
	return resp.Length >= 0
}

func appendStatus(dst []byte, status int, reason []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	if len(reason) == 0 {
		dst = append(dst, http.StatusText(status)...)
	}
	dst = append(dst, reason...)
	return append(dst, '\r', '\n')
}

func appendLength(dst []byte, length int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, length, 10)
	return append(dst, '\r', '\n')
}

func appendWithoutLength(dst, fields []byte) []byte {
	for len(fields) > 0 {
		rest := afterLine(fields)
		if line := fields[:len(fields)-len(rest)]; !hasName(line, "content-length:") {
			dst = append(dst, line...)
		}
		fields = rest
	}
	return dst
}

// buildPage puts the head of the plain answer for an error into c.head and gives its text. It gives false when nothing
// can be sent.
func (c *conn) buildPage(err error) (text []byte, ok bool) {
	page, ok := gateway.PageFor(err)
	if !ok {
		return nil, false
	}
	dst := appendStatus(c.head[:0], page.Status, nil)
	dst = append(dst, "Content-Type: text/plain; charset=utf-8\r\n"...)
	dst = appendLength(dst, int64(len(page.Text)))
	dst = c.srv.date.Append(dst, time.Now())
	if page.RetryAfter != "" {
		dst = append(append(append(dst, "Retry-After: "...), page.RetryAfter...), '\r', '\n')
	}
	dst = c.srv.ids.AppendField(dst, nil, c.req.RequestID)
	c.head = append(dst, "Connection: close\r\n\r\n"...)
	c.status = page.Status
	if c.isHead() {
		return nil, true
	}
	return []byte(page.Text), true
}

// writePage sends the plain answer for an error, waiting if need be.
func (c *conn) writePage(err error) error {
	text, ok := c.buildPage(err)
	if !ok {
		return err
	}
	return c.write(c.head, text, 0)
}
