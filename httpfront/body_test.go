package httpfront

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

func TestChunkedBodyHasNoLength(t *testing.T) {
	lengths := make(chan int64, 3)
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		lengths <- req.ContentLength
		if (req.Body == nil) != (req.ContentLength == 0) {
			t.Errorf("body %v with length %d", req.Body, req.ContentLength)
		}
		return echo.Serve(req)
	}), options{})
	c := f.dial(t)
	c.send("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" +
		"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy" + "POST /3 HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, want := range []int64{-1, 2, 0} {
		if got := <-lengths; got != want {
			t.Errorf("ContentLength %d, want %d", got, want)
		}
	}
}

func TestReadingPastTheEndOfABody(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		body, _ := readAll(req)
		for range 3 {
			if n, err := req.Body.Read(make([]byte, 10)); n != 0 || err != io.EOF {
				t.Errorf("read after the end: %d, %v", n, err)
			}
		}
		return whole(200, "", string(body)), nil
	}), options{})
	c := f.dial(t)
	for range 2 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" +
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy")
		if _, body := c.response(); body != "x" {
			t.Errorf("%q", body)
		}
		if _, body := c.response(); body != "xy" {
			t.Errorf("%q", body)
		}
	}
}

// TestTruncatedBody: rows 9 and 10. What came is not taken for the whole, and the client that still listens hears it.
func TestTruncatedBody(t *testing.T) {
	for name, wire := range map[string]string{
		"length":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
		"nothing":     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
		"chunk":       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"chunk end":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
		"last chunk":  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"trailer":     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
		"trailer end": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			failures := make(chan error, 1)
			f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
				_, err := readAll(req)
				failures <- err
				_, again := readAll(req)
				if again != err {
					t.Errorf("the error does not last: %v", again)
				}
				return nil, err
			}), options{})
			c := f.dial(t)
			c.send(wire)
			c.Conn.(*net.TCPConn).CloseWrite()
			if err := <-failures; gateway.KindOf(err) != gateway.KindBadRequest {
				t.Errorf("the body ends with %v", err)
			}
			if status, _ := c.response(); status != "400" {
				t.Errorf("status %s", status)
			}
			c.ended()
			if got := f.sortedReasons(); got != "cut_body" {
				t.Errorf("reasons %q", got)
			}
		})
	}
}

func TestClientResetsDuringBody(t *testing.T) {
	failures := make(chan error, 1)
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		_, err := readAll(req)
		failures <- err
		return nil, err
	}), options{})
	c := f.dial(t)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	c.expect("HTTP/1.1 100 Continue\r\n\r\n")
	c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
	if err := <-failures; gateway.KindOf(err) != gateway.KindClientGone {
		t.Errorf("the body ends with %v", err)
	}
	if o := f.next(t); o.Status != 0 || gateway.KindOf(o.Err) != gateway.KindClientGone {
		t.Errorf("outcome %+v", o)
	}
}

func TestContinue(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		if string(req.Path) == "/no" {
			return nil, gateway.Errorf(gateway.KindOverloaded, "full")
		}
		return echo.Serve(req)
	}), options{})
	const post = "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
	t.Run("when the body is read", func(t *testing.T) {
		c := f.dial(t)
		c.send(strings.Replace(post, "%s", "/yes", 1))
		c.expect("HTTP/1.1 100 Continue\r\n\r\n")
		c.send("xy")
		if _, body := c.response(); body != "POST /yes [xy]" {
			t.Errorf("%q", body)
		}
		c.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
		if status, _ := c.response(); status != "200" {
			t.Errorf("next: %s", status)
		}
	})
	t.Run("not when the client has begun", func(t *testing.T) {
		c := f.dial(t)
		c.send(strings.Replace(post, "%s", "/yes", 1) + "xy")
		c.expect("HTTP/1.1 200 OK\r\n")
	})
	t.Run("not before a rejection", func(t *testing.T) {
		c := f.dial(t)
		c.send(strings.Replace(post, "%s", "/no", 1))
		c.expect("HTTP/1.1 503 Service Unavailable\r\n")
		if head := c.head(); !strings.Contains(head, "Connection: close\r\n") {
			t.Errorf("%q", head)
		}
		c.expect("503 Service Unavailable\n")
		c.ended()
	})
	t.Run("not to HTTP/1.0", func(t *testing.T) {
		c := f.dial(t)
		c.send(strings.Replace(strings.Replace(post, "%s", "/yes", 1), "HTTP/1.1", "HTTP/1.0", 1))
		c.send("xy")
		c.expect("HTTP/1.1 200 OK\r\n")
	})
	t.Run("in its turn", func(t *testing.T) {
		c := f.dial(t)
		c.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + strings.Replace(post, "%s", "/yes", 1))
		c.response()
		c.expect("HTTP/1.1 100 Continue\r\n\r\n")
	})
}

// TestUnreadBody: row 8. A body that nobody read is never taken for a request.
func TestUnreadBody(t *testing.T) {
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		return whole(200, "", string(req.Path)), nil
	}), options{})
	large := strings.Repeat("x", maxDrain+1)
	for _, test := range []struct {
		name, wire string
		keeps      bool
	}{
		{"small", "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n" + smuggled, true},
		{"large", "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 262145\r\n\r\n" + large + smuggled, false},
		{"chunked", "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n25\r\n" + smuggled + "\r\n0\r\n\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := f.dial(t)
			c.send(test.wire)
			head := c.head()
			if strings.Contains(head, "Connection: close") == test.keeps {
				t.Errorf("%q", head)
			}
			c.expect("/1")
			if !test.keeps {
				c.ended()
				return
			}
			c.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
			if _, body := c.response(); body != "/2" {
				t.Errorf("then %q", body)
			}
		})
	}
}

// TestRefusalReachesClientThatSends: a client that sends everything before it reads still gets its 413.
func TestRefusalReachesClientThatSends(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{Body: 1000}})
	c := f.dial(t)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n")
	c.send(strings.Repeat("x", 8<<20))
	if status, body := c.response(); status != "413" || !strings.Contains(body, "too large") {
		t.Errorf("%s %q", status, body)
	}
	c.ended()
}

func TestSlowBody(t *testing.T) {
	run := func(t *testing.T, limits configs.Limits, feed func(c *client)) {
		failures := make(chan error, 1)
		f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
			_, err := readAll(req)
			failures <- err
			return nil, err
		}), options{limits: limits})
		c := f.dial(t)
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
		feed(c)
		if err := <-failures; gateway.KindOf(err) != gateway.KindBodyTimeout {
			t.Errorf("the body ends with %v", err)
		}
		if status, _ := c.response(); status != "408" {
			t.Errorf("status %s", status)
		}
		c.ended()
		if got := f.sortedReasons(); got != "slow_body" {
			t.Errorf("reasons %q", got)
		}
	}
	t.Run("no progress", func(t *testing.T) {
		run(t, configs.Limits{BodyTime: 50 * time.Millisecond}, func(*client) {})
	})
	t.Run("below the rate", func(t *testing.T) {
		run(t, configs.Limits{BodyTime: 60 * time.Millisecond, BodyMinRate: 1 << 20}, func(c *client) {
			// One byte every few milliseconds is progress, but far from a megabyte a second.
			go func() { // ends when the server closes
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for range tick.C {
					if _, err := c.Write([]byte("x")); err != nil {
						return
					}
				}
			}()
		})
	})
}

func TestSlowButSteadyBodyIsServed(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{BodyTime: 100 * time.Millisecond, BodyMinRate: 10}})
	c := f.dial(t)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n")
	tick := time.NewTicker(10 * time.Millisecond) // 300 ms in all: three times body_timeout
	defer tick.Stop()
	for range 30 {
		<-tick.C
		c.send("x")
	}
	if status, _ := c.response(); status != "200" {
		t.Errorf("status %s", status)
	}
}

func TestSlowHead(t *testing.T) {
	for name, start := range map[string]string{
		"line": "GET / HT", "fields": get + "X: ", "empty line": "\r\n", "second request": get + "\r\n" + "GET",
	} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, echo, options{limits: configs.Limits{HeaderTime: 50 * time.Millisecond}})
			c := f.dial(t)
			c.send(start)
			if name == "second request" {
				c.response()
			}
			if name == "empty line" {
				c.ended()
				return
			}
			if status, _ := c.response(); status != "408" {
				t.Errorf("status %s", status)
			}
			c.ended()
			if got := f.sortedReasons(); got != "slow_head" {
				t.Errorf("reasons %q", got)
			}
		})
	}
}

func TestIdleConnectionEndsSilently(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{IdleTime: 50 * time.Millisecond}})
	fresh, used := f.dial(t), f.dial(t)
	used.send(get + "\r\n")
	used.response()
	fresh.ended()
	used.ended()
	if got := f.sortedReasons(); got != "" {
		t.Errorf("reasons %q", got)
	}
	waitFor(t, "both counted as closed", func() bool { return f.closedConns.Load() == 2 && f.Server.open.Load() == 0 })
	if n := f.recorder.idle.Load(); n != 2 {
		t.Errorf("%d counted as idle", n)
	}
}

// TestIdleTimeStartsAnew: the deadline is not armed for every request, but it counts from the last one.
func TestIdleTimeStartsAnew(t *testing.T) {
	f := startFront(t, echo, options{limits: configs.Limits{IdleTime: 200 * time.Millisecond}})
	c := f.dial(t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		<-tick.C
		c.send(get + "\r\n")
		if status, _ := c.response(); status != "200" {
			t.Fatalf("status %s", status)
		}
	}
	c.ended()
}

func TestCutHead(t *testing.T) {
	f := startFront(t, echo, options{})
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHo")
	c.Conn.(*net.TCPConn).CloseWrite()
	if status, _ := c.response(); status != "400" {
		t.Errorf("status %s", status)
	}
	c.ended()
	if o := f.next(t); o.Status != 400 || !errors.As(o.Err, new(*gateway.Error)) {
		t.Errorf("outcome %+v", o)
	}
}

func TestLargeBodies(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
		body, err := readAll(req)
		if err != nil {
			return nil, err
		}
		return whole(200, "", string(body)), nil
	}), options{})
	content := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	var chunks strings.Builder
	for rest := content; rest != ""; rest = rest[1<<16:] {
		chunks.WriteString("10000\r\n" + rest[:1<<16] + "\r\n")
	}
	for name, wire := range map[string]string{
		"length":  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + content,
		"chunked": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks.String() + "0\r\n\r\n",
	} {
		c := f.dial(t)
		for range 2 {
			go io.WriteString(c.Conn, wire) // ends when all is sent, or with the connection
			if _, body := c.response(); body != content {
				t.Errorf("%s: %d bytes came back", name, len(body))
			}
		}
	}
}
