package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// curl runs curl against a server and gives what it prints.
func curl(t testing.TB, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"--silent", "--show-error", "--max-time", "20"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", arguments, err, out)
	}
	return string(out)
}

func TestCurl(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	base := "http://" + s.HTTP
	upload := testkit.Write(t, testkit.Dir(t), "upload", string(pattern(3<<20)))
	sum := sha256.Sum256(pattern(3 << 20))
	want := `"sha256": "` + hex.EncodeToString(sum[:]) + `"`
	for name, arguments := range map[string][]string{
		"upload":   {"--data-binary", "@" + upload, base + "/up"},
		"chunked":  {"--data-binary", "@" + upload, "-H", "Transfer-Encoding: chunked", base + "/up"},
		"expect":   {"--data-binary", "@" + upload, "-H", "Expect: 100-continue", base + "/up"},
		"http 1.0": {"--http1.0", "--data-binary", "@" + upload, base + "/up"},
		"put":      {"-T", upload, base + "/up"},
		"unix":     {"--unix-socket", s.HTTPUnix, "--data-binary", "@" + upload, "http://penknife.test/up"},
	} {
		t.Run(name, func(t *testing.T) {
			if out := curl(t, arguments...); !strings.Contains(out, want) {
				t.Errorf("%s", testkit.Tail(out, 500))
			}
		})
	}
	t.Run("head", func(t *testing.T) {
		if out := curl(t, "--head", base+"/"); !strings.HasPrefix(out, "HTTP/1.1 200 OK\r\n") {
			t.Errorf("%s", out)
		}
	})
	t.Run("keep-alive", func(t *testing.T) {
		out := curl(t, "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} %{http_code};",
			base+"/1", base+"/2", base+"/3")
		if out != "1 200;0 200;0 200;" {
			t.Errorf("new connections and statuses: %s", out)
		}
	})
}

// httpClientScript is Python's own HTTP client at work: one connection for everything.
const httpClientScript = `
import hashlib, http.client, json, socket, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
connection.request("GET", "/a%20b?x=1")
answer = json.load(connection.getresponse())
assert answer["environ"]["PATH_INFO"] == "/a b", answer
port = connection.sock.getsockname()
body = bytes(range(256)) * 4096
for chunked in (False, True):
    connection.request("POST", "/up", body=iter([body[:1000], body[1000:]]) if chunked else body, encode_chunked=chunked)
    answer = json.load(connection.getresponse())
    assert answer["sha256"] == hashlib.sha256(body).hexdigest(), answer
    assert answer["environ"]["CONTENT_LENGTH"] == str(len(body)), answer
connection.request("HEAD", "/")
response = connection.getresponse()
assert response.status == 200 and response.read() == b"" and int(response.headers["Content-Length"]) > 0
connection.request("GET", "/last")
assert json.load(connection.getresponse())["environ"]["PATH_INFO"] == "/last"
assert connection.sock.getsockname() == port, "a new connection was made"
print("fine")
`

func TestPythonHTTPClient(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	out, err := exec.Command(testkit.DefaultPython(t), "-c", httpClientScript, s.HTTP).CombinedOutput()
	if err != nil || string(out) != "fine\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPipelining sends many requests before it reads the first answer.
func TestPipelining(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{Processes: 2})
	exchange, err := testkit.HTTPClient(s.HTTP).Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	var requests bytes.Buffer
	for i := range 50 {
		if i%3 == 0 {
			fmt.Fprintf(&requests, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ", i)
			continue
		}
		fmt.Fprintf(&requests, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
	}
	if _, err = exchange.Write(requests.Bytes()); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		answer, err := exchange.Receive()
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if got := decode[probed](t, answer).text(t, "PATH_INFO"); got != fmt.Sprintf("/%d", i) {
			t.Fatalf("answer %d is for %s", i, got)
		}
	}
}

// TestStrictHTTP is a sample of what must not reach Python; httpfront's own tests have all of it.
func TestStrictHTTP(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	for name, test := range map[string]struct {
		wire   string
		status int
	}{
		"length and chunked": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"two lengths":        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		"space before colon": {"GET / HTTP/1.1\r\nHost: x\r\nBad : y\r\n\r\n", 400},
		"bare line feed":     {"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400},
		"no host":            {"GET / HTTP/1.1\r\n\r\n", 400},
		"version":            {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505},
		"large head":         {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", 431},
		"long target":        {"GET /" + strings.Repeat("a", 1<<17) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
	} {
		t.Run(name, func(t *testing.T) {
			exchange, err := testkit.HTTPClient(s.HTTP).Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			_, _ = exchange.Write([]byte(test.wire))
			answer, err := exchange.Receive()
			if err != nil {
				t.Fatal(err)
			}
			expectStatus(t, answer, test.status)
			if _, err = exchange.Reader.ReadByte(); err == nil {
				t.Error("the connection goes on after a refusal")
			}
		})
	}
}

// TestUwsgiRefusals: every packet that is not served gets a status that says why.
func TestUwsgiRefusals(t *testing.T) {
	s := serve(t, "probe:validated", testkit.Options{})
	for name, test := range map[string]struct {
		packet []byte
		status int
	}{
		"modifier 5":      {testkit.UwsgiPacket(5, 0, nil), 501},
		"HTTP":            {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 400},
		"cut variable":    {testkit.UwsgiPacket(0, 0, []byte("\x03\x00abc\xff\xff")), 400},
		"odd length":      {testkit.UwsgiPacket(0, 0, pair("CONTENT_LENGTH", "+5")), 400},
		"negative length": {testkit.UwsgiPacket(0, 0, pair("CONTENT_LENGTH", "-1")), 400},
	} {
		t.Run(name, func(t *testing.T) {
			exchange, err := testkit.UwsgiClient(s.Uwsgi).Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exchange.Close() }()
			_, _ = exchange.Write(test.packet)
			answer, err := exchange.Receive()
			if err != nil {
				t.Fatal(err)
			}
			expectStatus(t, answer, test.status)
		})
	}
	t.Run("ping", func(t *testing.T) {
		exchange, err := testkit.UwsgiClient(s.Uwsgi).Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = exchange.Close() }()
		_, _ = exchange.Write(testkit.UwsgiPacket(100, 0, nil))
		answer := make([]byte, 4)
		if _, err = exchange.Reader.Read(answer); err != nil || answer[0] != 100 {
			t.Errorf("% x, %v", answer, err)
		}
	})
}

func pair(key, value string) []byte {
	block := append([]byte{byte(len(key)), 0}, key...)
	return append(append(block, byte(len(value)), 0), value...)
}

// TestIPv6 serves the loopback of the other family.
func TestIPv6(t *testing.T) {
	address := fmt.Sprintf("[::1]:%d", testkit.FreePort(t))
	s := serve(t, "probe:validated", testkit.Options{Flags: []string{"--http", address}})
	s.AwaitAccept(t, address)
	got := decode[probed](t, testkit.HTTPClient(address).Get(t, "/"))
	if got.text(t, "REMOTE_ADDR") != "::1" {
		t.Errorf("REMOTE_ADDR %q", got.text(t, "REMOTE_ADDR"))
	}
}

// TestAbstractSocket: a uwsgi listener without a file.
func TestAbstractSocket(t *testing.T) {
	name := "@" + filepath.Base(testkit.Dir(t))
	s := serve(t, "probe:validated", testkit.Options{Flags: []string{"--uwsgi", "unix:" + name}})
	_ = s
	decode[probed](t, testkit.UwsgiClient(name).Get(t, "/"))
}
