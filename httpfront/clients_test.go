package httpfront

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"penknife/configs"
	"penknife/gateway"
)

// curl runs the real program and gives what it printed.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"-sS", "--max-time", "5"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestCurl(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{Body: 1 << 20}})
	url := "http://" + f.ln.Addr().String()
	if got := curl(t, url+"/a?b"); got != "GET /a?b []" {
		t.Errorf("GET: %q", got)
	}
	if got := curl(t, "-I", url+"/a"); !strings.Contains(got, "200 OK") || !strings.Contains(got, "Content-Length: 10") {
		t.Errorf("HEAD: %q", got)
	}
	if got := curl(t, "-d", "x=y", url+"/p"); got != "POST /p [x=y]" {
		t.Errorf("POST: %q", got)
	}
	if got := curl(t, "-H", "Transfer-Encoding: chunked", "-d", "x=y", url+"/p"); got != "POST /p [x=y]" {
		t.Errorf("chunked: %q", got)
	}
	if got := curl(t, "-0", url+"/a"); got != "GET /a []" {
		t.Errorf("1.0: %q", got)
	}
	if got := curl(t, "--path-as-is", url+"/../a/./b"); got != "GET /../a/./b []" {
		t.Errorf("path: %q", got)
	}
	if got := curl(t, url+"/1", url+"/2", "-w", "%{num_connects} "); got != "GET /1 []1 GET /2 []0 " {
		t.Errorf("reuse: %q", got)
	}
}

// TestCurlExpects: curl announces large bodies with Expect and waits a second for the 100.
func TestCurlExpects(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		body, err := readAll(req)
		return whole(200, "", fmt.Sprint(len(body))), err
	}), options{limits: configs.Limits{Body: 2 << 20}})
	url := "http://" + f.ln.Addr().String()
	for _, size := range []int{2 << 20, 2<<20 + 1} {
		cmd := exec.Command("curl", "-sS", "--max-time", "5", "-H", "Expect: 100-continue", "--data-binary", "@-", "-w", " %{http_code}", url)
		cmd.Stdin = bytes.NewReader(make([]byte, size))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if size == 2<<20 && string(out) != "2097152 200" || size > 2<<20 && !strings.HasSuffix(string(out), " 413") {
			t.Errorf("%d bytes: %q", size, out)
		}
	}
}

func TestCurlOverUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	startFront(t, echo, options{network: "unix", address: path})
	if got := curl(t, "--unix-socket", path, "http://name/a"); got != "GET /a []" {
		t.Errorf("%q", got)
	}
}

// TestGoClient uses another independent implementation, with concurrency and reuse.
func TestGoClient(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		body, err := readAll(req)
		if err != nil {
			return nil, err
		}
		return streamed(-1, io.MultiReader(bytes.NewReader(req.Path), bytes.NewReader(body))), nil
	}), options{})
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Add(1)
		go func() { // ends after its requests
			defer wait.Done()
			for i := range 50 {
				path, content := fmt.Sprintf("/%d/%d", worker, i), strings.Repeat("x", i*100)
				var body io.Reader = strings.NewReader(content)
				if i%2 == 0 {
					body = io.MultiReader(body) // of unknown length: chunked
				}
				resp, err := client.Post("http://"+f.ln.Addr().String()+path, "text/plain", body)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(got) != path+content {
					t.Errorf("%s: %d bytes, %v", path, len(got), err)
				}
			}
		}()
	}
	wait.Wait()
	if n := f.opened.Load(); n > 16 {
		t.Errorf("%d connections for 8 clients", n)
	}
}

// TestPipelining: fifty requests with and without bodies, in pieces of all sizes; answers in order, none lost.
func TestPipelining(t *testing.T) {
	var wire, want strings.Builder
	for i := range 50 {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&wire, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
			fmt.Fprintf(&want, "GET /%d []\n", i)
		case 1:
			fmt.Fprintf(&wire, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ", i)
			fmt.Fprintf(&want, "POST /%d [GET ]\n", i)
		default:
			fmt.Fprintf(&wire, "PUT /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0\r\n\r\r\n0\r\n\r\n", i)
			fmt.Fprintf(&want, "PUT /%d [0\r\n\r]\n", i)
		}
	}
	f := startFront(t, echo, options{})
	for _, size := range []int{1, 2, 3, 7, 50, 101, 100_000} {
		c := f.dial(t)
		go func() { // ends when all is sent, or with the connection
			for text := wire.String(); text != ""; {
				n := min(size, len(text))
				if _, err := io.WriteString(c.Conn, text[:n]); err != nil {
					return
				}
				text = text[n:]
			}
		}()
		var got strings.Builder
		for range 50 {
			_, body := c.response()
			got.WriteString(body + "\n")
		}
		if got.String() != want.String() {
			t.Errorf("pieces of %d: %q", size, got.String())
		}
	}
}

func TestNagleIsOff(t *testing.T) {
	f := startFront(t, echo, options{})
	c := f.dial(t)
	c.send(get + "\r\n")
	c.response()
	for _, served := range f.conns.snapshot() {
		raw, err := served.Conn.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			if on, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || on == 0 {
				t.Errorf("TCP_NODELAY is %d, %v", on, err)
			}
		})
	}
}
