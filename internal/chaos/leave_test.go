package chaos

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// ways to end a connection from the client's side.
const (
	byClose = iota + 1 // FIN
	byReset            // RST; on a unix socket the same as byClose
	byHalf             // the client's direction only: it still reads
	lastWayToLeave
)

// leave ends a connection in one of the ways. After byHalf, whatever comes is read to its end.
func leave(exchange *testkit.Exchange, how int) {
	tcp, isTCP := exchange.Conn.(*net.TCPConn)
	switch {
	case how == byReset && isTCP:
		_ = tcp.SetLinger(0)
	case how == byHalf && isTCP:
		_ = tcp.CloseWrite()
		_, _ = io.Copy(io.Discard, exchange.Reader)
	case how == byHalf:
		_ = exchange.Conn.(*net.UnixConn).CloseWrite()
		_, _ = io.Copy(io.Discard, exchange.Reader)
	}
	_ = exchange.Close()
}

// TestClientsLeave is scenario 16: clients leave after every byte of a request and after every byte of an answer's beginning,
// by FIN, RST and half, at both fronts, TCP and unix. Whatever was begun is closed, the places are free within a second,
// nobody else notices, and the log has no line for each.
func TestClientsLeave(t *testing.T) {
	a := begin(t, setup{app: "leaving:application", processes: 2, threads: 4})
	lines := strings.Count(a.Output(), "\n")
	a.inject(func() {})
	left, step := 0, rounds(20, 1)
	for i, c := range []testkit.Client{
		testkit.HTTPClient(a.HTTP), testkit.UwsgiClient(a.Uwsgi), testkit.HTTPClient(a.HTTPUnix), testkit.UwsgiClient(a.UwsgiTCP),
	} {
		for how := byClose; how < lastWayToLeave; how++ {
			left += a.leaveWhileSending(t, c, how, step, i%step)
			left += a.leaveWhileReading(t, c, how, step, i%step)
		}
	}
	ended := time.Now()
	testkit.Eventually(t, time.Second, func() error {
		j, err := readJournal(a.journal)
		if err != nil {
			return err
		}
		begun, open := 0, []string{}
		for number := range j.begun {
			if strings.HasPrefix(number, "left") {
				begun++
				if !j.ended[number] {
					open = append(open, number)
				}
			}
		}
		if len(open) > 0 || begun == 0 {
			return fmt.Errorf("%d were begun, close() was not called for %v", begun, open)
		}
		return nil
	})
	if *full && left < 1000 {
		t.Errorf("%d clients left", left)
	}
	t.Logf("%d clients left in the middle; everything was closed %v after the last", left, time.Since(ended).Round(time.Millisecond))
	if more, seconds := strings.Count(a.Output(), "\n")-lines, time.Since(a.fault).Seconds(); float64(more) > 110*(seconds+1) {
		t.Errorf("%d lines in the log in %v s", more, seconds) // each kind has a limit of its own
	}
	if gone := a.scrape(t)[`penknife_request_errors_total{kind="client_gone"}`]; gone == 0 {
		t.Error("nobody was counted as gone")
	}
	a.end(t, criterion{slowest: 5 * time.Second})
}

// leaveWhileSending sends a request up to every byte of it.
func (a *arena) leaveWhileSending(t *testing.T, c testkit.Client, how, step, from int) (left int) {
	t.Helper()
	raw := c.Encode(testkit.Call{Method: "POST", Target: "/leave?id=left" + a.number() + "&n=1", Body: []byte("the body of a request")})
	for at := from; at < len(raw); at += step {
		exchange, err := c.Dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exchange.Write(raw[:at]); err != nil {
			t.Fatal(err)
		}
		leave(exchange, how)
		left++
	}
	return left
}

// leaveWhileReading takes an answer up to every byte of its head and a bit more, and to some places in its middle.
func (a *arena) leaveWhileReading(t *testing.T, c testkit.Client, how, step, from int) (left int) {
	t.Helper()
	for at := from; at < 240; at += step {
		if at >= 200 {
			at += 4096 * (at - 199) // far into the blocks
		}
		exchange, err := c.Send(testkit.Call{Target: "/leave?id=left" + a.number() + "&n=400"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, exchange.Reader, int64(at)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%s: after %d bytes: %v", c.Name, at, err)
		}
		leave(exchange, how)
		left++
	}
	return left
}
