package uwsgifront

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/uwsgiproto"
)

// announce is a packet header that promises a block of size bytes.
func announce(modifier1 byte, size int) string {
	return string([]byte{modifier1, byte(size), byte(size >> 8), 0})
}

// TestPacketCutAtEachByte: whatever part of a request a peer sends before it ends, it gets 400 with the reason, nothing
// reaches the handler, and the cut is counted once. Without a byte it was a port check.
func TestPacketCutAtEachByte(t *testing.T) {
	whole := get("CONTENT_LENGTH=3") + "abc"
	head := len(whole) - 3
	for network, listen := range networks(t) {
		f := start(t, listen, testLimits(), inMode(modeLater, func(r *gateway.Request) (*gateway.Response, error) {
			_, err := io.ReadAll(r.Body)
			return nil, err
		}))
		for cut := 1; cut < len(whole); cut++ {
			peer := f.dial(t).send(whole[:cut])
			closeWrite(t, peer)
			resp, content := peer.answer("GET")
			want, reason := "the packet ends too early", "cut_head"
			if cut >= head {
				want, reason = "the request body ends too early", "cut_body"
			}
			if resp.StatusCode != 400 || !strings.Contains(content, want) || !f.has(reason) {
				t.Errorf("%s, %d bytes: %d %q %v", network, cut, resp.StatusCode, content, f.reasons)
			}
		}
		f.shutdown(t)
		if len(f.reasons) != len(whole)-1 || len(f.outcomes) != len(whole)-1 {
			t.Errorf("%s: %d counted, %d observed, want %d", network, len(f.reasons), len(f.outcomes), len(whole)-1)
		}
	}
}

// TestBlockCutAtEachByte: a size in the header that ends the block inside a variable is the peer's fault, and names the
// byte; one that ends it between two variables makes a smaller request of it.
func TestBlockCutAtEachByte(t *testing.T) {
	vars := block("REQUEST_METHOD=GET", "A=b", "PATH_INFO=/x")
	ends := map[int]bool{len(block("REQUEST_METHOD=GET")): true, len(block("REQUEST_METHOD=GET", "A=b")): true, len(vars): true}
	f := start(t, networks(t)["unix"], testLimits(), inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", "served"), nil
	}))
	for size := range len(vars) + 1 {
		peer := f.dial(t).send(announce(0, size) + vars)
		closeWrite(t, peer)
		resp, content := peer.answer("GET")
		switch {
		case ends[size]:
			if resp.StatusCode != 200 {
				t.Errorf("%d bytes: %d %q", size, resp.StatusCode, content)
			}
		case resp.StatusCode != 400 || size > 0 && !strings.Contains(content, "at byte "):
			t.Errorf("%d bytes: %d %q", size, resp.StatusCode, content)
		}
	}
}

// TestAllModifiers: 0 and 30 are requests, 100 is a ping, everything else is 501 unless it is another protocol's first
// byte.
func TestAllModifiers(t *testing.T) {
	f := start(t, networks(t)["unix"], testLimits(), inMode(modeLater, func(*gateway.Request) (*gateway.Response, error) {
		return whole(200, "", "served"), nil
	}))
	for modifier := range 256 {
		got := f.dial(t).send(frame(byte(modifier), block("REQUEST_METHOD=GET"))).all()
		want := "HTTP/1.1 501 Not Implemented\r\n"
		switch modifier {
		case uwsgiproto.ModifierWSGI, uwsgiproto.ModifierWSGIPath:
			want = "HTTP/1.1 200 OK\r\n"
		case uwsgiproto.ModifierPing:
			want = "d\x00\x00\x01"
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("modifier %d: %q", modifier, got)
		}
	}
	f.shutdown(t)
	if len(f.reasons) != 253 {
		t.Errorf("%d refusals were counted", len(f.reasons))
	}
}

// TestPingWithGarbageBehind: what comes behind a ping must not eat the pong by a reset.
func TestPingWithGarbageBehind(t *testing.T) {
	for network, listen := range networks(t) {
		f := start(t, listen, testLimits(), unexpected(t))
		peer := f.dial(t).send(frame(uwsgiproto.ModifierPing, "") + strings.Repeat("x", 200<<10))
		closeWrite(t, peer)
		if got := peer.all(); got != "d\x00\x00\x01" {
			t.Errorf("%s: %q", network, got)
		}
	}
}

// TestOddPeers: other protocols and odd blocks, each with status, reason, text, one count and one line in the log. The
// peer has not ended its direction: the answer must not wait for that.
func TestOddPeers(t *testing.T) {
	long := strings.Repeat("x", 65500)
	proxy2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x30\x39\x00\x50"
	for _, c := range []struct {
		name, send string
		status     int
		reason     string
		says       string
	}{
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "http", "not HTTP"},
		{"HTTP CONNECT", "CONNECT a:443 HTTP/1.1\r\n\r\n", 400, "http", "not HTTP"},
		{"TLS 1.3 ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("r", 501), 400, "tls", "without TLS"},
		{"SSL 3 ClientHello", "\x16\x03\x00\x00\x2f\x01\x00\x00\x2b\x03\x00", 400, "tls", "without TLS"},
		{"PROXY v1", "PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n", 501, "modifier", "modifiers"},
		{"PROXY v2", proxy2, 501, "modifier", "modifiers"},
		{"FastCGI", "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", 501, "modifier", "modifiers"},
		{"SCGI", "70:CONTENT_LENGTH\x0027\x00SCGI\x001\x00", 501, "modifier", "modifiers"},
		{"SSH", "SSH-2.0-OpenSSH_9.2p1\r\n", 501, "modifier", "modifiers"},
		{"empty name", frame(0, block("REQUEST_METHOD=GET")+"\x00\x00\x00\x00"), 400, "empty_key", "no name"},
		{"name of 65535", frame(0, block("REQUEST_METHOD=GET")+"\xff\xff"+long[:100]), 400, "key_overrun", "beyond the block"},
		{"value of 65535", frame(0, block("REQUEST_METHOD=GET")+"\x01\x00K\xff\xff"+long[:100]), 400, "value_overrun", "beyond the block"},
		{"one byte", frame(0, "\x01"), 400, "short_key_length", "at byte 0"},
		{"no value length", frame(0, block("REQUEST_METHOD=GET")+"\x01\x00K\x01"), 400, "short_value_length", "at byte"},
		{"long block of zeros", frame(0, strings.Repeat("\x00", 65535)), 400, "empty_key", "at byte 0"},
		{"long block of ones", frame(0, strings.Repeat("\xff", 65535)), 400, "key_overrun", "at byte 0"},
	} {
		for network, listen := range networks(t) {
			t.Run(network+"/"+c.name, func(t *testing.T) {
				f := start(t, listen, testLimits(), unexpected(t))
				peer := f.dial(t).send(c.send)
				resp, content := peer.answer("GET")
				peer.Close() // or shutdown would wait for what it may still say
				if resp.StatusCode != c.status || !strings.Contains(content, c.says) || !resp.Close {
					t.Errorf("%d %q", resp.StatusCode, content)
				}
				f.outcome(t)
				f.shutdown(t)
				if fmt.Sprint(f.reasons) != "["+c.reason+"]" || strings.Count(f.logs.String(), "reason="+c.reason) != 1 {
					t.Errorf("%v\n%s", f.reasons, f.logs)
				}
			})
		}
	}
}

// TestOddBlocksThatAreRight: values as long as a packet takes, empty ones, and names twice; the handler gets the block
// byte for byte.
func TestOddBlocksThatAreRight(t *testing.T) {
	limits := testLimits()
	limits.HeaderBlock, limits.HeaderCount = 65535, 20000
	room := 65535 - len(block("REQUEST_METHOD=GET")) - 5
	many := make([]string, 10000)
	for i := range many {
		many[i] = "K="
	}
	for name, vars := range map[string]string{
		"value of 64 KiB": block("REQUEST_METHOD=GET", "K="+strings.Repeat("v", room)),
		"name of 64 KiB":  block("REQUEST_METHOD=GET", strings.Repeat("k", room+1)+"="),
		"empty values":    block(append(many, "REQUEST_METHOD=GET")...),
		"names twice":     block("REQUEST_METHOD=POST", "CONTENT_LENGTH=7", "REQUEST_METHOD=GET", "CONTENT_LENGTH="),
		"binary":          block("REQUEST_METHOD=GET", "K=\x00\r\n\xff", "\x00=\x01"),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, networks(t)["unix"], limits, inMode(modeLater, func(r *gateway.Request) (*gateway.Response, error) {
				return whole(200, "", fmt.Sprintf("%s %d %t", r.Method, r.ContentLength, string(r.Vars) == vars)), nil
			}))
			// What follows the body is nobody's, and must not eat the answer by a reset.
			if _, content := f.dial(t).send(frame(0, vars) + strings.Repeat("garbage", 100)).answer("GET"); content != "GET 0 true" {
				t.Errorf("%q", content)
			}
		})
	}
}

// TestClaimsCostNothing: hundreds of peers announce blocks of 64 KiB and send a byte of them. What is allocated for that
// must not depend on what they announced.
func TestClaimsCostNothing(t *testing.T) {
	const peers = 300
	limits := testLimits()
	limits.HeaderBlock, limits.HeaderTime = 65535, time.Minute
	cost := func(size int) uint64 {
		f := start(t, networks(t)["unix"], limits, unexpected(t))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var open []*client
		for range peers {
			open = append(open, f.dial(t).send(announce(0, size)+"x"))
		}
		testkit.Eventually(t, patience, func() error {
			if n := f.Server.open.Load(); n != peers {
				return fmt.Errorf("%d connections", n)
			}
			return nil
		})
		for _, peer := range open { // the refusal says that it was read
			closeWrite(t, peer)
			peer.answer("GET")
		}
		runtime.ReadMemStats(&after)
		f.shutdown(t)
		return (after.TotalAlloc - before.TotalAlloc) / peers
	}
	small, large := cost(100), cost(65535)
	if large > small+8<<10 {
		t.Errorf("a peer that announces 64 KiB costs %d bytes, one that announces 100 bytes %d", large, small)
	}
}

// TestLateGarbage: bytes behind the request that come while it is served (a web server that sends a body without
// CONTENT_LENGTH) eat nothing of the answer by a reset, however that is given.
func TestLateGarbage(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<16)
	streamed := func(content string) *gateway.Response {
		return &gateway.Response{Status: 200, Length: -1, Body: &fakeBody{Reader: strings.NewReader(content)}}
	}
	for name, respond := range map[string]func() *gateway.Response{
		"whole":           func() *gateway.Response { return whole(200, "", long) },
		"streamed":        func() *gateway.Response { return streamed(long) },
		"streamed, short": func() *gateway.Response { return streamed("short") },
	} {
		everywhere(t, func(t *testing.T, listen string, m mode) {
			entered, release := make(chan struct{}), make(chan struct{})
			f := start(t, listen, testLimits(), inMode(m, func(*gateway.Request) (*gateway.Response, error) {
				close(entered)
				<-release
				return respond(), nil
			}))
			peer := f.dial(t).send(get())
			<-entered
			peer.send("garbage")
			close(release)
			want := long
			if name == "streamed, short" {
				want = "short"
			}
			got, err := io.ReadAll(peer.r)
			if err != nil || !strings.HasSuffix(string(got), "\r\n\r\n"+want) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		})
	}
}
