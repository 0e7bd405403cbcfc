package httpfront

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

// TestClientThatReadsABit: who takes a kilobyte now and then makes progress, though the socket has no room for more for a
// long time.
func TestClientThatReadsABit(t *testing.T) {
	for name, make := range large(t, 32<<20) { // more than sockets hold
		t.Run(name, func(t *testing.T) {
			f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return make(), nil }),
				options{limits: configs.Limits{WriteTime: 3 * time.Second}})
			t.Parallel()
			c := f.slow(t)
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			const step, steps = 2 << 10, 140 // for 7 s
			for range steps {
				<-tick.C
				if _, err := io.CopyN(io.Discard, c.Reader, step); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-f.done:
				t.Errorf("it was cut: %v", f.outcomes[0].Err)
			default:
			}
		})
	}
}

// large makes answers of n bytes, a multiple of 16, in the ways that send differently.
func large(t *testing.T, n int) map[string]func() *gateway.Response {
	content := strings.Repeat("0123456789abcdef", n/16)
	file, fileContent := writeFile(t, n)
	return map[string]func() *gateway.Response{
		"whole": func() *gateway.Response { return whole(200, "", content) },
		"file": func() *gateway.Response {
			resp := streamed(int64(len(fileContent)), strings.NewReader(""))
			resp.File = file
			return resp
		},
	}
}

// slow is a client with little room that has asked, and has read the head of its answer.
func (f *front) slow(t *testing.T) *client {
	c := f.dial(t)
	c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	c.Conn.SetDeadline(time.Now().Add(30 * time.Second))
	c.send(get + "Connection: close\r\n\r\n")
	c.head()
	return c
}

// TestClientThatReadsTooLittle: who takes a kilobyte now and then, but less than limits.write_min_rate, is cut.
func TestClientThatReadsTooLittle(t *testing.T) {
	for name, make := range large(t, 32<<20) { // more than sockets hold
		t.Run(name, func(t *testing.T) {
			f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) { return make(), nil }),
				options{limits: configs.Limits{WriteTime: time.Second, WriteMinRate: 1 << 20}})
			t.Parallel()
			c := f.slow(t)
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			const step = 2 << 10 // 40 KiB a second
			var told error
			for cut := false; !cut; {
				select {
				case <-f.done:
					cut = true
				case <-tick.C:
					if _, err := io.CopyN(io.Discard, c.Reader, step); err != nil && told == nil { // it fails once the connection is cut, and is asked again
						told = err
					}
				}
			}
			if err := f.outcomes[0].Err; gateway.KindOf(err) != gateway.KindClientGone || !strings.Contains(err.Error(), "limits.write_min_rate") {
				t.Errorf("ended with %v", err)
			}
			if got := f.sortedReasons(); got != "slow_reader" {
				t.Errorf("counted as %q", got)
			}
			// What the kernel had for it, some megabytes, is not kept for minutes after the end, until the client has taken it.
			if n, err := io.Copy(io.Discard, c.Reader); !errors.Is(errors.Join(told, err), syscall.ECONNRESET) {
				t.Errorf("afterwards it got %d bytes, and %v", n, err)
			}
		})
	}
}
