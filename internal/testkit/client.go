package testkit

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"
)

// callTimeout bounds every exchange of a client, so that a hang is a failure and not a hang.
const callTimeout = 20 * time.Second

// Call is one request. The zero Call is GET / HTTP/1.1.
type Call struct {
	Method, Target, Proto string
	// Headers are "Name: value" lines in order; over uwsgi they become HTTP_* variables.
	Headers []string
	// Vars are further uwsgi variables "NAME=value", after all others; over HTTP they are ignored.
	Vars []string
	Body []byte
}

// Answer is one response as it came over the wire.
type Answer struct {
	Proto, Reason string
	Status        int
	// Lines are the header lines as sent, without line ends.
	Lines  []string
	Header textproto.MIMEHeader
	Body   []byte
	// Cut is why the body is known to be incomplete: an end before Content-Length or before the last chunk, or a
	// reset. Nil for a complete answer.
	Cut error
}

// Client speaks one of the two protocols to one address, a fresh connection for each call.
type Client struct {
	// Name is "http" or "uwsgi".
	Name    string
	address string
	encode  func(Call) []byte
	framed  bool // HTTP: chunked coding and keep-alive count
	tls     *tls.Config
}

// HTTPClient speaks HTTP/1.1 to "HOST:PORT" or a socket's path.
func HTTPClient(address string) Client {
	return Client{Name: "http", address: address, encode: encodeHTTP, framed: true}
}

// HTTPSClient is HTTPClient over TLS.
func HTTPSClient(address string, config *tls.Config) Client {
	c := HTTPClient(address)
	c.Name, c.tls = "https", config
	return c
}

// UwsgiClient speaks the uwsgi protocol to "HOST:PORT" or a socket's path.
func UwsgiClient(address string) Client {
	return Client{Name: "uwsgi", address: address, encode: encodeUwsgi}
}

// Fronts gives a client for each front end of a server.
func (s *Server) Fronts() []Client { return []Client{HTTPClient(s.HTTP), UwsgiClient(s.Uwsgi)} }

// Do makes a call and fails the test when there is no answer. A cut body is an answer.
func (c Client) Do(t testing.TB, call Call) Answer {
	t.Helper()
	answer, err := c.Try(call)
	if err != nil {
		t.Fatalf("%s %s %s: %v", c.Name, call.Method, call.Target, err)
	}
	return answer
}

// Get is Do with GET, and also fails the test when the status is not 200 or the body is cut.
func (c Client) Get(t testing.TB, target string) Answer {
	t.Helper()
	answer := c.Do(t, Call{Target: target})
	if answer.Status != 200 || answer.Cut != nil {
		t.Fatalf("%s %s: %d, cut: %v\n%s", c.Name, target, answer.Status, answer.Cut, answer.Body)
	}
	return answer
}

// Try makes a call. The error is nil when a whole head was received.
func (c Client) Try(call Call) (Answer, error) {
	exchange, err := c.Send(call)
	if err != nil {
		return Answer{}, err
	}
	defer exchange.Close()
	return exchange.Receive()
}

// Exchange is a call whose answer is read step by step.
type Exchange struct {
	net.Conn
	Reader *bufio.Reader
	head   bool
	framed bool
}

// Dial connects without sending anything.
func (c Client) Dial() (*Exchange, error) {
	conn, err := net.DialTimeout(networkOf(c.address), c.address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(callTimeout))
	if c.tls != nil {
		conn = tls.Client(conn, c.tls)
	}
	return &Exchange{Conn: conn, Reader: bufio.NewReaderSize(conn, 64<<10), framed: c.framed}, nil
}

// Send connects and sends the call; the caller closes the exchange.
func (c Client) Send(call Call) (*Exchange, error) {
	exchange, err := c.Dial()
	if err != nil {
		return nil, err
	}
	exchange.head = call.Method == http.MethodHead
	if _, err = exchange.Write(c.encode(call)); err != nil && !isReset(err) {
		_ = exchange.Close()
		return nil, err
	}
	return exchange, nil
}

// Receive reads one whole answer.
func (e *Exchange) Receive() (Answer, error) {
	answer, err := e.ReceiveHead()
	if err != nil {
		return answer, err
	}
	answer.Body, answer.Cut = e.readBody(answer)
	return answer, nil
}

// ReceiveHead reads up to the empty line.
func (e *Exchange) ReceiveHead() (Answer, error) {
	reader := textproto.NewReader(e.Reader)
	line, err := reader.ReadLine()
	if err != nil {
		return Answer{}, fmt.Errorf("no answer: %w", err)
	}
	var answer Answer
	if answer.Proto, answer.Status, answer.Reason, err = parseStatus(line); err != nil {
		return answer, err
	}
	answer.Header = textproto.MIMEHeader{}
	for {
		line, err = reader.ReadLine()
		if err != nil {
			return answer, fmt.Errorf("cut head: %w", err)
		}
		if line == "" {
			return answer, nil
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return answer, fmt.Errorf("odd header line %q", line)
		}
		answer.Lines = append(answer.Lines, line)
		answer.Header.Add(name, strings.TrimSpace(value))
	}
}

func parseStatus(line string) (proto string, status int, reason string, err error) {
	proto, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if err != nil || len(code) != 3 || !strings.HasPrefix(proto, "HTTP/1.") {
		return proto, status, reason, fmt.Errorf("odd status line %q", line)
	}
	return proto, status, reason, nil
}

// readBody reads the body by the framing that the head announces.
func (e *Exchange) readBody(answer Answer) ([]byte, error) {
	if e.head || answer.Status == 204 || answer.Status == 304 || answer.Status < 200 {
		if e.framed && answer.Header.Get("Connection") != "close" {
			return nil, nil
		}
		// The connection ends here; whatever still comes must not.
		return io.ReadAll(e.Reader)
	}
	if e.framed && strings.EqualFold(answer.Header.Get("Transfer-Encoding"), "chunked") {
		return readChunked(e.Reader)
	}
	if text := answer.Header.Get("Content-Length"); text != "" {
		length, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(e.Reader, length))
		if err == nil && int64(len(body)) < length {
			err = io.ErrUnexpectedEOF
		}
		return body, err
	}
	return io.ReadAll(e.Reader)
}

// readChunked decodes the chunked coding, and is as strict as the peer must be.
func readChunked(reader *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		chunk, err := ReadChunk(reader)
		if err != nil || len(chunk) == 0 {
			return body, err
		}
		body = append(body, chunk...)
	}
}

// ReadChunk reads one chunk with its line end, empty for the last one (without trailers).
func ReadChunk(reader *bufio.Reader) ([]byte, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return nil, noEOF(err)
	}
	size, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 32)
	if err != nil {
		return nil, fmt.Errorf("odd chunk size %q", line)
	}
	data := make([]byte, size+2)
	if _, err = io.ReadFull(reader, data); err != nil {
		return nil, noEOF(err)
	}
	if !bytes.HasSuffix(data, []byte("\r\n")) {
		return nil, errors.New("a chunk without line end")
	}
	return data[:size], nil
}

// noEOF turns an end where none may be into an error that says so.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isReset(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "write"
}
