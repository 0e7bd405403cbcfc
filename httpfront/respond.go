package httpfront

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"penknife/gateway"
	"penknife/streams"
)

const (
	// blockSize is how much of a streamed body is moved at once, and the largest chunk that is sent.
	blockSize = 64 << 10
	// maxJoined is the largest head and body that are copied into one buffer; larger ones go out by writev.
	maxJoined = 16 << 10
	// maxEmptyReads is how often a body may give nothing and no error.
	maxEmptyReads = 100
)

// Room around the content of a chunk: its size in hexadecimal with CRLF before, CRLF and the last chunk after.
const (
	chunkPrefix = 8
	chunkSuffix = 7
	chunkData   = blockSize - chunkPrefix - chunkSuffix
)

var lastChunk = []byte("0\r\n\r\n")

// framing is how the client finds the end of an answer.
type framing uint8

const (
	framingNone    framing = iota + 1 // there is no body, and nothing is said about one
	framingLength                     // Content-Length
	framingChunked                    // Transfer-Encoding: chunked
	framingClose                      // the end of the connection
)

// fieldFacts is what of the application's fields decides about ours.
type fieldFacts struct{ date, server, length bool }

// respond sends an answer. The error is the body's (the connection is cut then) or says that the client is gone.
func (c *conn) respond(resp *gateway.Response) error {
	c.now = c.began.Add(time.Since(c.began)) // one clock instead of two
	length := resp.Length
	if resp.Whole != nil && length < 0 {
		length = int64(len(resp.Whole))
	}
	facts := readFields(resp.Fields)
	how := c.chooseFraming(resp.Status, length, facts)
	c.closes = c.closes || how == framingClose || c.mustClose()
	c.out = c.appendHead(c.out[:0], resp, facts)
	c.status = resp.Status
	c.out = c.appendFraming(c.out, how, length, facts)

	var err error
	switch {
	case how == framingNone || length == 0:
		err = c.sendHead()
	case resp.Whole != nil:
		err = c.sendWhole(resp.Whole, length)
	case resp.File != nil && length > 0:
		err = c.sendFile(resp.File, resp.Offset, length)
	case how == framingChunked:
		err = c.sendChunks(resp.Body)
	default:
		err = c.sendStream(resp.Body, length)
	}
	if err != nil {
		c.cutAnswer(err, how)
	}
	c.srv.yielder.Yield(c.now)
	return err
}

// cutAnswer ends an answer that failed: with an error page as long as nothing was sent, else so that the client sees
// that something is missing.
func (c *conn) cutAnswer(err error, how framing) {
	if !c.headSent {
		c.status = 0
		c.answerError(err)
		return
	}
	c.closes = true
	switch {
	case gateway.KindOf(err) != gateway.KindClientGone:
		c.cut = how == framingClose
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.cut = true // the kernel would keep what it has for this client, megabytes, for minutes
	}
}

// chooseFraming follows RFC 9112 section 6.3.
func (c *conn) chooseFraming(status int, length int64, facts fieldFacts) framing {
	switch {
	case status < 200 || status == 204 || status == 304 || string(c.req.Method) == "HEAD":
		return framingNone
	case length >= 0:
		return framingLength
	case c.head.minor == 1 && !facts.length:
		return framingChunked
	}
	return framingClose
}

// readFields looks for the fields that we would add.
func readFields(fields []byte) (facts fieldFacts) {
	for len(fields) > 0 {
		line := fields
		if i := bytes.IndexByte(fields, '\n'); i >= 0 {
			line, fields = fields[:i], fields[i+1:]
		} else {
			fields = nil
		}
		switch {
		case len(line) < 5:
		case line[4] == ':':
			facts.date = facts.date || hasPrefixFold(line, "date")
		case hasPrefixFold(line, "server:"):
			facts.server = true
		case hasPrefixFold(line, "content-length:"):
			facts.length = true
		}
	}
	return facts
}

// appendHead appends status line and fields, the application's as they are and then ours.
func (c *conn) appendHead(dst []byte, resp *gateway.Response, facts fieldFacts) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(resp.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, resp.Reason...)
	dst = append(dst, '\r', '\n')
	if facts.length && (resp.Status < 200 || resp.Status == 204) {
		dst = appendWithoutLength(dst, resp.Fields) // RFC 9110 section 8.6
	} else {
		dst = append(dst, resp.Fields...)
	}
	if !facts.date {
		dst = c.srv.date.Append(dst, c.now)
	}
	if !facts.server {
		dst = append(dst, "Server: penknife\r\n"...)
	}
	return c.srv.ids.AppendField(dst, resp.Fields, c.req.RequestID)
}

func appendWithoutLength(dst, fields []byte) []byte {
	for line := range bytes.Lines(fields) {
		if !hasPrefixFold(line, "content-length:") {
			dst = append(dst, line...)
		}
	}
	return dst
}

// appendFraming appends what tells the client where the answer ends, and the end of the head.
func (c *conn) appendFraming(dst []byte, how framing, length int64, facts fieldFacts) []byte {
	// A HEAD answer says what GET would have said. Length 0 there is mostly an application that sent no body on
	// purpose, so it is no reason to announce one of 0 bytes.
	isHead := how == framingNone && length > 0 && c.status >= 200 && c.status != 204 && c.status != 304 &&
		string(c.req.Method) == "HEAD"
	switch {
	case (how == framingLength || isHead) && !facts.length:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, length, 10)
		dst = append(dst, '\r', '\n')
	case how == framingChunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	dst = append(dst, c.connectionLine()...)
	return append(dst, '\r', '\n')
}

// connectionLine is the Connection field of this answer, if it needs one.
func (c *conn) connectionLine() string {
	switch {
	case c.closes:
		return "Connection: close\r\n"
	case c.head.minor == 0:
		return "Connection: keep-alive\r\n"
	}
	return ""
}

// appendPage appends the head of an error page.
func (s *Server) appendPage(dst []byte, page gateway.ErrorPage, connection string, id []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, page.Text[:bytes.IndexByte([]byte(page.Text), '\n')]...)
	dst = append(dst, "\r\nContent-Type: text/plain; charset=utf-8\r\n"...)
	dst = s.date.Append(dst, time.Now())
	dst = append(dst, "Server: penknife\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(page.Text)), 10)
	dst = append(dst, '\r', '\n')
	if page.RetryAfter != "" {
		dst = append(append(append(dst, "Retry-After: "...), page.RetryAfter...), '\r', '\n')
	}
	dst = s.ids.AppendField(dst, nil, id)
	dst = append(dst, connection...)
	return append(dst, '\r', '\n')
}

// send writes bytes of the answer; b is content's share in framing. The first call sends the head too.
func (c *conn) send(b []byte, content int) error {
	var err error
	switch {
	case c.headSent:
		err = c.write(b)
	case len(c.out)+len(b) <= maxJoined:
		c.out = append(c.out, b...)
		c.headSent = true
		err = c.write(c.out)
	default:
		c.headSent = true
		err = c.write2(c.out, b)
	}
	if err != nil {
		return c.clientGone(err)
	}
	c.sent += int64(content)
	return nil
}

// slowReader is the label by which answers that limits.write_timeout has ended are counted.
const slowReader = "slow_reader"

// clientGone says that the answer could not be delivered.
func (c *conn) clientGone(err error) *gateway.Error {
	reason := "the client left before it had the answer"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		reason = "the client took the answer too slowly (limits.write_timeout, limits.write_min_rate)"
		c.srv.counter.ProtocolError(slowReader)
	}
	return &gateway.Error{Kind: gateway.KindClientGone, Reason: reason, Err: err}
}

func (c *conn) sendHead() error {
	c.beforeLast()
	return c.send(nil, 0)
}

// beforeLast is called before the last write of an answer. If the connection ends with it, both go out together.
func (c *conn) beforeLast() {
	if stream, ok := c.output.(*streams.Stream); ok && c.closes {
		stream.Last()
	}
}

func (c *conn) sendWhole(whole []byte, length int64) error {
	whole = whole[:min(int64(len(whole)), length)]
	c.beforeLast()
	if err := c.send(whole, len(whole)); err != nil {
		return err
	}
	return shortBy(length - int64(len(whole)))
}

// shortBy is the error for a body that ended before its length.
func shortBy(missing int64) error {
	if missing == 0 {
		return nil
	}
	return gateway.Errorf(gateway.KindAppCut, "the body is %d bytes shorter than announced", missing)
}

// sendStream sends each piece of a body as it comes: length bytes, or all there is if length is negative.
func (c *conn) sendStream(body gateway.Body, length int64) error {
	pieces := c.srv.pieces(body)
	defer pieces.close()
	for length != 0 {
		p, readErr := pieces.next(length)
		c.now = time.Now()
		if len(p) > 0 {
			if err := c.send(p, len(p)); err != nil {
				return err
			}
			pieces.done(len(p))
			if length > 0 {
				length -= int64(len(p))
			}
		}
		switch {
		case readErr == nil:
		case !errors.Is(readErr, io.EOF):
			return readErr
		case length > 0:
			return shortBy(length)
		case !c.headSent:
			return c.sendHead()
		default:
			return nil
		}
	}
	return nil
}

// sendChunks sends each piece of a body as a chunk when it is read. The last chunk is sent at a true end only.
func (c *conn) sendChunks(body gateway.Body) error {
	block := c.srv.blocks.Get().(*[]byte)
	defer c.srv.blocks.Put(block)
	p := *block
	for {
		n, readErr := readSome(body, p[chunkPrefix:chunkPrefix+chunkData])
		ended := errors.Is(readErr, io.EOF)
		c.now = time.Now()
		if ended {
			c.beforeLast()
		}
		if n > 0 || ended {
			if err := c.send(frameChunk(p, n, ended), n); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// frameChunk puts the framing around the n bytes of content that p holds from chunkPrefix on.
func frameChunk(p []byte, n int, last bool) []byte {
	from, to := chunkPrefix, chunkPrefix+n
	if n > 0 {
		to += copy(p[to:], "\r\n")
		from -= 2
		copy(p[from:], "\r\n")
		for size := n; size > 0; size >>= 4 {
			from--
			p[from] = "0123456789abcdef"[size&15]
		}
	}
	if last {
		to += copy(p[to:], lastChunk)
	}
	return p[from:to]
}

// readSome reads until there is something or an error.
func readSome(r io.Reader, p []byte) (int, error) {
	for range maxEmptyReads {
		if n, err := r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
