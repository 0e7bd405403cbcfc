package appcalls

import (
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/appcalls/series"
	"penknife/internal/testkit"
)

// visit makes a channel of a process outside.
func (f *fixture) visit(t *testing.T, pid int) *net.UnixConn {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(testkit.Dir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	mine, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	f.AcceptOutside(theirs.(*net.UnixConn), pid)
	_ = mine.SetDeadline(time.Now().Add(5 * time.Second))
	t.Cleanup(func() { _ = mine.Close() })
	return mine.(*net.UnixConn)
}

func TestOutsideLimitsAndParting(t *testing.T) {
	f := newFixture(t, nil)
	first := f.visit(t, 10)
	f.visit(t, 10)
	f.visit(t, 10)
	if s, text := answer(t, f.visit(t, 10)); s != statusTooMany || !strings.Contains(text, "app_cache.channels") {
		t.Errorf("a fourth channel: %v %q", s, text)
	}
	for range 5 { // of each of which the kernel does not say who it is
		if s, _ := ask(t, f.visit(t, 0), opGet, blobs("a")); s != statusOK {
			t.Error(s)
		}
	}
	worker := f.dial(t, 1)
	second := f.visit(t, 11)
	if _, err := second.Write(request(opAdd, entryOf(0, nil, blob("sent before"), blob("v")))); err != nil {
		t.Fatal(err)
	}
	f.Part()
	if s, text := answer(t, second); s != statusOK || text != "\x01" {
		t.Errorf("what was sent before: %v %q", s, text)
	}
	if _, err := first.Write([]byte{0}); err == nil {
		t.Error("a channel takes more after Part")
	}
	if _, err := f.visit(t, 12).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a new one after Part: %v", err)
	}
	if s, _ := ask(t, worker, opGet, blobs("a")); s != statusOK {
		t.Errorf("a worker: %v", s)
	}
}

func countOf(ticket int64, pid int, changes ...series.Change) []byte {
	payload := append(appendI64(nil, ticket), blobs()...)
	payload = binary.LittleEndian.AppendUint32(appendI64(payload, int64(pid)), uint32(len(changes)))
	for _, c := range changes {
		payload = appendI64(appendI64(append(payload, byte(c.How)), c.Offset), int64(math.Float64bits(c.Amount)))
	}
	return payload
}

func metricOf(kind series.Kind, name string) []byte {
	payload := append([]byte{byte(kind)}, append(blob(name), blob("Text.")...)...)
	return append(append(payload, blobs()...), 0, 0, 0, 0)
}

func TestOutsideCounts(t *testing.T) {
	board := series.New(series.Limits{Metrics: 5, Cells: 10}, slog.New(slog.DiscardHandler))
	f := newFixture(t, func(d *Deps) { d.Metrics = board })
	visitor := f.visit(t, 20)
	define := func(c io.ReadWriter, kind series.Kind, name string) int64 {
		s, text := ask(t, c, opMetric, metricOf(kind, name))
		if s != statusOK {
			t.Fatal(s, text)
		}
		return int64(binary.LittleEndian.Uint64([]byte(text)))
	}
	count := func(c io.ReadWriter, ticket int64, changes ...series.Change) (status, float64) {
		s, text := ask(t, c, opCount, countOf(ticket, 20, changes...))
		if s != statusOK {
			return s, 0
		}
		return s, math.Float64frombits(binary.LittleEndian.Uint64([]byte(text)))
	}
	add := func(amount float64) series.Change { return series.Change{How: series.Add, Amount: amount} }
	total := define(visitor, series.Counter, "x_total")
	if s, value := count(visitor, total, add(2), add(.5)); s != statusOK || value != 2.5 {
		t.Errorf("%v %v", s, value)
	}
	worker := f.dial(t, 1)
	if n := define(worker, series.Counter, "x_total"); n != 0 {
		t.Errorf("a worker's number: %d", n)
	}
	if s, value := count(worker, 0, series.Change{How: series.Read}); s != statusOK || value != 2.5 {
		t.Errorf("a worker sees %v %v", s, value)
	}
	if s, _ := count(visitor, total^1<<40, add(1)); s != statusStale {
		t.Errorf("a ticket of another penknife: %v", s)
	}
	own := define(visitor, series.LiveSum, "own")
	if s, value := count(visitor, own, series.Change{How: series.Set, Amount: 7}); s != statusOK || value != 7 {
		t.Errorf("%v %v", s, value)
	}
	again := f.visit(t, 20)
	_ = visitor.Close()
	if s, value := count(again, own, series.Change{How: series.Read}); s != statusOK || value != 7 {
		t.Errorf("over another channel of the process: %v %v", s, value)
	}
	_ = again.Close()
	testkit.Eventually(t, 5*time.Second, func() error {
		used, _ := board.Cells()
		if used != 1 {
			return os.ErrExist
		}
		return nil
	})
	last := f.visit(t, 20)
	if s, _ := count(last, total, series.Change{How: series.Add, Offset: 1}); s != statusNonsense {
		t.Errorf("a cell of somebody else: %v", s)
	}
}
