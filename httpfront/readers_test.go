package httpfront

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"penknife/internal/testkit"
)

// newReaders starts what is compared with our front end.
func newReaders(t testing.TB) []reader {
	scripts, err := filepath.Abs("testdata/readers")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is missing: run internal/testkit/install-debs.sh first: ", err)
	}
	return []reader{
		newGoReader(t),
		newProcessReader(t, "h11", testkit.Virtualenv(t), "-I", filepath.Join(scripts, "h11_reader.py")),
		newProcessReader(t, "llhttp", node, "--no-deprecation", filepath.Join(scripts, "llhttp_reader.js")),
	}
}

// processReader is a parser in a process of its own, which answers as long as it is asked.
type processReader struct {
	called string
	in     io.WriteCloser
	out    *bufio.Reader
	frame  []byte
}

func newProcessReader(t testing.TB, called string, command ...string) *processReader {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &processReader{called: called, in: in, out: bufio.NewReaderSize(out, 1<<16)}
}

func (p *processReader) name() string { return p.called }

func (p *processReader) ask(t *testing.T, wire []byte) {
	p.frame = binary.LittleEndian.AppendUint32(p.frame[:0], uint32(len(wire)))
	p.frame = append(p.frame, wire...)
	if _, err := p.in.Write(p.frame); err != nil {
		t.Fatal(p.called, ": ", err)
	}
}

func (p *processReader) answer(t *testing.T) reading {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(p.called, ": ", err)
	}
	var raw struct {
		Messages []message
		End      ending
		Why      string
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		t.Fatal(p.called, ": ", err)
	}
	for i := range raw.Messages {
		m := &raw.Messages[i]
		m.Target, m.Body = latin1(m.Target), latin1(m.Body)
	}
	return reading(raw)
}

// latin1 gives the bytes that were written as characters of the same numbers.
func latin1(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteByte(byte(r))
	}
	return b.String()
}

// goReader is net/http's server.
type goReader struct {
	conns chan net.Conn
	nc    *closingConn
	mu    sync.Mutex
	got   reading
}

func newGoReader(t testing.TB) *goReader {
	g := &goReader{conns: make(chan net.Conn)}
	server := &http.Server{Handler: g, DisableGeneralOptionsHandler: true, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { // ends with the Close below
		defer close(done)
		server.Serve(g)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return g
}

// Accept, Close and Addr make it a listener.
func (g *goReader) Accept() (net.Conn, error) {
	if nc, ok := <-g.conns; ok {
		return nc, nil
	}
	return nil, net.ErrClosed
}

func (g *goReader) Close() error {
	close(g.conns)
	return nil
}

func (g *goReader) Addr() net.Addr { return (&loopConn{}).LocalAddr() }

func (g *goReader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		g.got.End = endCut
	case err != nil:
		g.got.End, g.got.Why = endRefused, err.Error()
	default:
		g.got.Messages = append(g.got.Messages, message{r.Method, r.RequestURI, string(body)})
		return
	}
	panic(http.ErrAbortHandler)
}

// closingConn tells when the server is done with it.
type closingConn struct {
	pieceConn
	mu   sync.Mutex
	once sync.Once
	done chan struct{}
}

func (c *closingConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pieceConn.Read(b)
}

func (c *closingConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pieceConn.Write(b)
}

func (c *closingConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

func (g *goReader) name() string { return "net/http" }

func (g *goReader) ask(_ *testing.T, wire []byte) {
	g.got = reading{}
	g.nc = &closingConn{pieceConn: pieceConn{pieces: [][]byte{bytes.Clone(wire)}}, done: make(chan struct{})}
	g.conns <- g.nc
}

func (g *goReader) answer(*testing.T) reading {
	<-g.nc.done
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.got.End != "" {
		return g.got
	}
	// Everything that it refuses by itself is an answer of its own; a head that is cut has none.
	g.got.End = endIdle
	answers := bufio.NewReader(&g.nc.pieceConn.answer)
	for i := 0; ; i++ {
		method := "GET"
		if i < len(g.got.Messages) {
			method = g.got.Messages[i].Method
		}
		resp, err := http.ReadResponse(answers, &http.Request{Method: method})
		if err != nil {
			return g.got
		}
		text, _ := io.ReadAll(resp.Body)
		switch {
		case resp.StatusCode == 100:
			i--
		case resp.StatusCode != 200:
			g.got.End, g.got.Why = endRefused, resp.Status+": "+string(text)
		case resp.Close:
			g.got.End = endClosed
		}
	}
}
