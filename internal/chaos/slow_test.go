package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// slowReader takes a kilobyte of its answer each second, as over a line that is no faster: its kernel takes hardly more.
type slowReader struct {
	number, how string
	conn        net.Conn
	taken       bytes.Buffer
	ended       error // by the server
}

// TestVerySlowReaders is scenario 15 with the rate that it names: sixteen readers at 1 KB/s of 50 MB each, over both
// protocols, beside the load. limits.write_timeout passes several times and cuts none of them, because each takes something; one
// that takes nothing is cut meanwhile. Those with files hold no worker, and penknife's memory is bounded. What came is the
// beginning of the right answer.
func TestVerySlowReaders(t *testing.T) {
	t.Parallel() // it waits most of the time
	const size = 50 << 20
	timeout, lasts, readers := span(4*time.Second, 8*time.Second), span(9*time.Second, 30*time.Second), rounds(8, 16)
	a := begin(t, setup{processes: 2, threads: 2 + readers/4, limits: fmt.Sprintf("  write_timeout: %v\n", timeout)})
	before := testkit.RSS(t, a.PID())
	var all []*slowReader
	var group sync.WaitGroup
	done := make(chan struct{})
	idler := a.slowReader(t, 0)
	a.inject(func() {
		for i := range readers {
			r := a.slowReader(t, i)
			all = append(all, r)
			group.Go(func() { r.read(done) }) // ended by done
		}
	})
	<-time.After(lasts)
	grown, inFlight := testkit.RSS(t, a.PID())-before, a.status(t).Current.InFlight
	t.Logf("%d readers, %d MiB each: memory grew by %d MiB; %d requests in flight", readers, size>>20, grown>>20, inFlight)
	if grown > 150<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	testkit.Eventually(t, 20*time.Second, func() error { return a.grew("penknife_protocol_errors_total", 1) })
	lasted := time.Since(a.fault)
	close(done)
	group.Wait()
	for i, r := range all {
		r.check(t, i, int(lasted/time.Second))
		_ = r.conn.Close()
	}
	_ = idler.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := io.Copy(io.Discard, idler.conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("who took nothing was not cut: %d bytes, %v", n, err)
	}
	_ = idler.conn.Close()
	a.end(t, criterion{slowest: 3 * time.Second, moved: map[string]float64{starts: 0, `penknife_protocol_errors_total{front="http",reason="slow_reader"}`: 1}})
}

// slowReader asks for a file, or every fourth one for a stream, over HTTP or uwsgi.
func (a *arena) slowReader(t *testing.T, i int) *slowReader {
	t.Helper()
	r := &slowReader{number: a.number(), how: "file"}
	if i%4 == 3 {
		r.how = "stream"
	}
	c, address := testkit.HTTPClient(a.HTTP), a.HTTP
	if i/2%2 == 1 {
		c, address = testkit.UwsgiClient(a.UwsgiTCP), a.UwsgiTCP
	}
	little := net.Dialer{Control: func(_, _ string, socket syscall.RawConn) error { // before it connects: the first window is as small
		return socket.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2<<10) })
	}}
	conn, err := little.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r.conn = conn
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write(c.Encode(testkit.Call{Target: fmt.Sprintf("/big?id=%s&n=50&how=%s", r.number, r.how)})); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *slowReader) read(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			_ = r.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.CopyN(&r.taken, r.conn, 1<<10); err != nil {
				r.ended = err
				return
			}
		}
	}
}

// check compares what came.
func (r *slowReader) check(t *testing.T, i, seconds int) {
	t.Helper()
	head, body, found := bytes.Cut(r.taken.Bytes(), []byte("\r\n\r\n"))
	if r.ended != nil || !found || r.taken.Len() < (seconds-4)<<10 {
		t.Errorf("reader %d (%s) was cut after %d bytes: %v", i, r.how, r.taken.Len(), r.ended)
		return
	}
	if want := pattern(r.number, 1<<20); !bytes.Contains(head, []byte(" 200 ")) || !bytes.HasPrefix(want, body) {
		t.Errorf("reader %d (%s): %.100q... is not the beginning of its answer", i, r.how, body)
	}
}
