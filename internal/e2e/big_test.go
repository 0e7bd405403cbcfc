package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

const (
	gibibyte = 1 << 30
	// memoryGrowth is how much penknife and all its Python processes together may grow for a body of any size.
	memoryGrowth = 64 << 20
)

// memory is what penknife and its Python processes have together.
func memory(t testing.TB, s *testkit.Server) int64 {
	t.Helper()
	var total int64
	for _, pid := range s.Everything() {
		total += testkit.PSS(t, pid)
	}
	return total
}

// TestLargeUpload sends 2 GiB and compares digests: memory stays.
func TestLargeUpload(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Config: "limits: {body: 4GiB}\n"})
	testkit.HTTPClient(s.HTTP).Get(t, "/")
	before := memory(t, s)
	conn := dialHTTP(t, s)
	block := pattern(1 << 20)
	sum := sha256.New()
	fmt.Fprintf(conn, "POST /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", 2*gibibyte)
	var peak int64
	for i := range 2 * gibibyte / len(block) {
		sum.Write(block)
		if _, err := conn.Write(block); err != nil {
			t.Fatal(err)
		}
		if i%256 == 0 {
			peak = max(peak, memory(t, s))
		}
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	var got probed
	if err = json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v: %s", err, clip(answer))
	}
	if got.Size != 2*gibibyte || got.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
		t.Errorf("%d bytes arrived, or others", got.Size)
	}
	checkGrowth(t, before, max(peak, memory(t, s)))
}

func checkGrowth(t testing.TB, before, after int64) {
	t.Helper()
	t.Logf("memory: %d MiB, at most %d MiB", before>>20, after>>20)
	if after-before > memoryGrowth {
		t.Errorf("memory grew from %d to %d MiB", before>>20, after>>20)
	}
}

func dialHTTP(t testing.TB, s *testkit.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestLargeResponse takes 2 GiB from each front: memory stays.
func TestLargeResponse(t *testing.T) {
	s := serve(t, "streams:application", testkit.Options{})
	testkit.HTTPClient(s.HTTP).Get(t, "/")
	before := memory(t, s)
	for _, c := range s.Fronts() {
		exchange := send(t, c, "/big?n=2048")
		readHead(t, exchange)
		counter := &peakMeter{t: t, s: s}
		n, err := io.Copy(counter, exchange.Reader)
		if err != nil || n != 2*gibibyte {
			t.Errorf("%s: %d bytes, %v", c.Name, n, err)
		}
		checkGrowth(t, before, max(counter.peak, memory(t, s)))
	}
}

// peakMeter throws bytes away and looks at the server's memory every 256 MiB.
type peakMeter struct {
	t    testing.TB
	s    *testkit.Server
	peak int64
	n    int64
}

func (p *peakMeter) Write(data []byte) (int, error) {
	if p.n>>28 != (p.n+int64(len(data)))>>28 {
		p.peak = max(p.peak, memory(p.t, p.s))
	}
	p.n += int64(len(data))
	return len(data), nil
}

// TestSlowUploadHoldsNoWorker: the only worker serves others while bodies are still on their way.
func TestSlowUploadHoldsNoWorker(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{})
	var slow []*testkit.Exchange
	body := pattern(100_000)
	for _, c := range s.Fronts() {
		for range 5 {
			exchange, err := c.Send(testkit.Call{
				Method: "POST", Target: "/up", Headers: []string{"Content-Length: 100000"}, Body: body[:50_000]})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = exchange.Close() })
			slow = append(slow, exchange)
		}
	}
	eachFront(t, s, func(t *testing.T, c testkit.Client) { c.Get(t, "/others") })
	for _, exchange := range slow {
		if _, err := exchange.Write(body[50_000:]); err != nil {
			t.Fatal(err)
		}
		answer, err := exchange.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if got := decode[probed](t, answer); got.SHA256 != digest(body) {
			t.Errorf("%d bytes arrived, or others", got.Size)
		}
	}
}

// TestUploadsAreReadWhereTheyLie: a body of up to limits.body_memory that comes in memory is read by a worker from there, which it
// cannot write; it is right whatever came before it in the same place.
func TestUploadsAreReadWhereTheyLie(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Processes: 1})
	shared := func() (mapped int64) {
		for _, pid := range s.Pythons() {
			size, mode := mappedAs(t, pid, "memfd:penknife-bodies")
			if mode != "r--s" {
				t.Errorf("process %d has it as %q", pid, mode)
			}
			mapped = max(mapped, size)
		}
		return mapped
	}
	if n := shared(); n != 0 {
		t.Errorf("%d bytes before the first body", n)
	}
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, size := range []int{1 << 20, 100_000, 300_001, 70_000, 1 << 20} {
			body := pattern(size + len(c.Name))[len(c.Name):] // others for each front end
			if got := decode[probed](t, c.Do(t, testkit.Call{Method: "POST", Target: "/up", Body: body})); got.SHA256 != digest(body) {
				t.Errorf("%d of %d bytes arrived, or others", got.Size, size)
			}
		}
	})
	if n := shared(); n < 1<<20 {
		t.Errorf("%d bytes were read from there", n)
	}
}

// mappedAs finds a file among a process's mappings: how much of it the process has touched, and how it may use it.
func mappedAs(t *testing.T, pid int, name string) (touched int64, mode string) {
	t.Helper()
	found := false
	for line := range strings.Lines(testkit.ReadFile(t, fmt.Sprintf("/proc/%d/smaps", pid))) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 4 && strings.Contains(fields[0], "-"):
			if found = strings.Contains(line, name); found {
				mode = fields[1]
			}
		case found && fields[0] == "Rss:":
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			touched += kilobytes << 10
		}
	}
	return touched, mode
}

// TestSlowReaderHoldsNoWorker: an answer that fits into the response buffer leaves the worker at once, though its
// reader takes nothing of it.
func TestSlowReaderHoldsNoWorker(t *testing.T) {
	s := serve(t, "streams:application", testkit.Options{Config: "workers: {response_buffer: 1MiB}\n"})
	for _, c := range s.Fronts() {
		for range 5 {
			send(t, c, "/big?n=1")
		}
	}
	eachFront(t, s, func(t *testing.T, c testkit.Client) { c.Get(t, "/others") })
}
