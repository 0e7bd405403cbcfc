package appcalls

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"penknife/appcalls/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCache is a map. A key "broken" fails.
type fakeCache struct {
	mu      sync.Mutex
	entries map[string]Entry
}

func (f *fakeCache) Get(_ context.Context, key string) (Found, bool, error) {
	if key == "broken" {
		return Found{}, false, io.ErrUnexpectedEOF
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e, there := f.entries[key]
	return Found{Value: e.Value, Left: e.Expiry}, there, nil
}

func (f *fakeCache) Set(_ context.Context, e Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Value = slices.Clone(e.Value)
	f.entries[e.Key] = e
	return nil
}

func (f *fakeCache) Add(ctx context.Context, e Entry) (bool, error) {
	f.mu.Lock()
	_, there := f.entries[e.Key]
	f.mu.Unlock()
	if there {
		return false, nil
	}
	return true, f.Set(ctx, e)
}

func (f *fakeCache) Incr(_ context.Context, key string, delta int64) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, there := f.entries[key]
	if !there {
		return 0, ErrMissing
	}
	n, err := strconv.ParseInt(string(e.Value), 10, 64)
	if err != nil {
		return 0, ErrNoNumber
	}
	e.Value = strconv.AppendInt(nil, n+delta, 10)
	f.entries[key] = e
	return n + delta, nil
}

func (f *fakeCache) Touch(_ context.Context, key string, expiry time.Duration) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, there := f.entries[key]
	if there {
		e.Expiry = expiry
		f.entries[key] = e
	}
	return there, nil
}

func (f *fakeCache) Delete(_ context.Context, key string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, there := f.entries[key]
	delete(f.entries, key)
	return there, nil
}

func (f *fakeCache) PurgeTag(_ context.Context, tag string) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.entries, func(_ string, e Entry) bool {
		has := slices.Contains(e.Tags, tag)
		if has {
			n++
		}
		return has
	})
	return n, nil
}

func (f *fakeCache) Clear(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.entries)
	return nil
}

// fakeCounters remember what was counted.
type fakeCounters struct {
	mu              sync.Mutex
	calls           map[string]int
	channels, refus int
}

func (f *fakeCounters) Called(op, s int, _ time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[operation(op).String()+" "+status(s).String()]++
}

func (f *fakeCounters) Channels(delta int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.channels += delta
}

func (f *fakeCounters) Refused() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refus++
}

type fixture struct {
	*Service
	cache    *fakeCache
	counters *fakeCounters
	caller   *Caller
}

func newFixture(t *testing.T, change func(*Deps)) *fixture {
	f := &fixture{cache: &fakeCache{entries: map[string]Entry{}}, counters: &fakeCounters{calls: map[string]int{}}}
	deps := Deps{Cache: f.cache, Counters: f.counters}
	if change != nil {
		change(&deps)
	}
	f.Service = New(Limits{Channels: 3, Value: 1 << 16}, deps)
	f.caller = f.Join("0")
	t.Cleanup(func() {
		if err := f.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		f.counters.mu.Lock()
		defer f.counters.mu.Unlock()
		if f.counters.channels != 0 {
			t.Errorf("%d channels are counted after the end", f.counters.channels)
		}
	})
	return f
}

// dial gives a process a channel and returns its end.
func (f *fixture) dial(t *testing.T, kind int) *os.File {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.caller.Accept(os.NewFile(uintptr(fds[0]), "theirs"))
	mine := os.NewFile(uintptr(fds[1]), "mine")
	_ = mine.SetDeadline(time.Now().Add(5 * time.Second))
	t.Cleanup(func() { _ = mine.Close() })
	return mine
}

func request(op operation, payload []byte) []byte {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	return append(append(head, byte(op), 0, 0, 0), payload...)
}

// ask makes a call.
func ask(t *testing.T, channel io.ReadWriter, op operation, payload []byte) (status, string) {
	t.Helper()
	if _, err := channel.Write(request(op, payload)); err != nil {
		t.Fatal(err)
	}
	return answer(t, channel)
}

func answer(t *testing.T, channel io.Reader) (status, string) {
	t.Helper()
	var head [headSize]byte
	if _, err := io.ReadFull(channel, head[:]); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.LittleEndian.Uint32(head[:]))
	if _, err := io.ReadFull(channel, body); err != nil {
		t.Fatal(err)
	}
	return status(head[4]), string(body)
}

func blobs(texts ...string) []byte {
	list := binary.LittleEndian.AppendUint32(nil, uint32(len(texts)))
	for _, text := range texts {
		list = appendBlob(list, []byte(text))
	}
	return list
}

// entry writes expiry, tags and what follows.
func entryOf(expiry int64, tags []string, rest ...[]byte) []byte {
	return slices.Concat(appendI64(nil, expiry), blobs(tags...), slices.Concat(rest...))
}

func blob(text string) []byte { return appendBlob(nil, []byte(text)) }

func TestCalls(t *testing.T) {
	f := newFixture(t, nil)
	channel := f.dial(t, unix.SOCK_STREAM)
	pairs := slices.Concat(binary.LittleEndian.AppendUint32(nil, 2), blob("a"), blob("1"), blob("b"), blob(""))
	incr := func(begins byte, key string) []byte {
		return entryOf(0, nil, appendI64(nil, 2), []byte{begins}, appendI64(nil, 40), blob(key))
	}
	for i, step := range []struct {
		op      operation
		payload []byte
		status  status
		answer  string
	}{
		{opGet, blobs("a"), statusOK, "\x00"},
		{opSet, entryOf(5000, []string{"red"}, pairs), statusOK, ""},
		{opGet, blobs("a", "x", "b"), statusOK, "\x01\x01\x00\x00\x001\x00\x01\x00\x00\x00\x00"},
		{opGet, blobs("broken"), statusFailed, io.ErrUnexpectedEOF.Error()},
		{opAdd, entryOf(0, nil, blob("a"), blob("2")), statusOK, "\x00"},
		{opAdd, entryOf(0, nil, blob("c"), blob("2")), statusOK, "\x01"},
		{opIncr, incr(0, "a"), statusOK, "\x03\x00\x00\x00\x00\x00\x00\x00"},
		{opIncr, incr(0, "x"), statusMissing, ErrMissing.Error()},
		{opIncr, incr(1, "x"), statusOK, "\x28\x00\x00\x00\x00\x00\x00\x00"},
		{opIncr, incr(1, "b"), statusNoNumber, ErrNoNumber.Error()},
		{opTouch, append(appendI64(nil, 1), blob("a")...), statusOK, "\x01"},
		{opTouch, append(appendI64(nil, 1), blob("y")...), statusOK, "\x00"},
		{opDelete, blobs("x", "y"), statusOK, "\x01\x00\x00\x00\x00\x00\x00\x00"},
		{opPurgeTags, blobs("red", "blue"), statusOK, "\x02\x00\x00\x00\x00\x00\x00\x00"},
		{opPurgeURL, blob("/"), statusOff, noResponsesText},
		{opPurgePrefix, blob("/"), statusOff, noResponsesText},
		{opSet, entryOf(0, nil, binary.LittleEndian.AppendUint32(nil, 1), blob("k"), blob(strings.Repeat("x", 1<<16))),
			statusTooLarge, "65537 bytes of key and value; at most 65536 are kept (app_cache.max_value)"},
		{opClear, nil, statusOK, ""},
	} {
		if s, got := ask(t, channel, step.op, step.payload); s != step.status || got != step.answer {
			t.Errorf("%d %v: %v %q, want %v %q", i, step.op, s, got, step.status, step.answer)
		}
	}
	f.counters.mu.Lock()
	defer f.counters.mu.Unlock()
	if n := f.counters.calls["get ok"]; n != 2 || f.counters.channels != 1 {
		t.Errorf("%+v", f.counters)
	}
}

// TestALongAnswerIsGivenInParts: the caller asks again for what has getLater.
func TestALongAnswerIsGivenInParts(t *testing.T) {
	f := newFixture(t, nil)
	var keys []string
	for i := range 40 {
		keys = append(keys, fmt.Sprint(i))
		_ = f.cache.Set(t.Context(), Entry{Key: keys[i], Value: make([]byte, 1<<16)})
	}
	s, got := ask(t, f.dial(t, unix.SOCK_STREAM), opGet, blobs(keys...))
	if s != statusOK || len(got) > answerRoom+1<<17 || got[len(got)-1] != getLater {
		t.Errorf("%v, %d bytes", s, len(got))
	}
}

// TestNonsense ends the channel, and nothing else.
func TestNonsense(t *testing.T) {
	huge := binary.LittleEndian.AppendUint32(nil, 1<<31)
	for name, raw := range map[string][]byte{
		"operation 0": request(0, nil), "unknown operation": request(lastOperation+1, nil),
		"count": request(opGet, huge), "blob": request(opGet, append([]byte{1, 0, 0, 0}, huge...)),
		"rest": request(opGet, append(blobs("a"), 0)), "negative expiry": request(opTouch, append(appendI64(nil, -1), blob("a")...)),
		"short": request(opIncr, []byte{1}), "clear with more": request(opClear, []byte{1}),
	} {
		f := newFixture(t, nil)
		channel, other := f.dial(t, unix.SOCK_STREAM), f.dial(t, unix.SOCK_STREAM)
		if _, err := channel.Write(raw); err != nil {
			t.Fatal(err)
		}
		if s, _ := answer(t, channel); s != statusNonsense {
			t.Errorf("%s: %v", name, s)
		}
		if n, err := channel.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%s: %d, %v: the channel is open", name, n, err)
		}
		if s, _ := ask(t, other, opGet, blobs("a")); s != statusOK {
			t.Errorf("%s: the other channel: %v", name, s)
		}
	}
}

// TestAnAnnouncedSizeTakesNoMemory: what is over the limit is read away and refused, and the channel goes on.
func TestTooLong(t *testing.T) {
	f := newFixture(t, nil)
	channel := f.dial(t, unix.SOCK_STREAM)
	go func() { _, _ = channel.Write(request(opGet, make([]byte, 3<<20))) }() // ends with the channel's deadline
	if s, text := answer(t, channel); s != statusTooLarge || !strings.Contains(text, "app_cache.max_value") {
		t.Errorf("%v %q", s, text)
	}
	if s, _ := ask(t, channel, opGet, blobs("a")); s != statusOK {
		t.Errorf("afterwards: %v", s)
	}
}

// TestWhatIsNoChannel is closed: a process may send any descriptor.
func TestWhatIsNoChannel(t *testing.T) {
	f := newFixture(t, nil)
	datagram := f.dial(t, unix.SOCK_DGRAM)
	if _, err := datagram.Write([]byte("x")); err == nil {
		t.Error("a datagram socket is open")
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	f.caller.Accept(null)
	listener, err := net.Listen("unix", "@"+t.Name()+fmt.Sprint(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	file, err := listener.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	f.caller.Accept(file) // a listening socket: it must be given up, not waited on for ever
	_ = listener.Close()
	f.caller.Leave()
	f.counters.mu.Lock()
	defer f.counters.mu.Unlock()
	if f.counters.refus < 2 {
		t.Errorf("%d refused", f.counters.refus)
	}
}

func TestLimitsAndEnds(t *testing.T) {
	f := newFixture(t, nil)
	channels := []*os.File{f.dial(t, unix.SOCK_STREAM), f.dial(t, unix.SOCK_STREAM), f.dial(t, unix.SOCK_STREAM)}
	if s, text := answer(t, f.dial(t, unix.SOCK_STREAM)); s != statusTooMany || !strings.Contains(text, "app_cache.channels") {
		t.Errorf("a fourth channel: %v %q", s, text)
	}
	other := f.Join("1")
	f.caller, other = other, f.caller
	last := f.dial(t, unix.SOCK_STREAM)
	other.Leave()
	for i, channel := range channels {
		if _, err := channel.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("channel %d after the process has left: %v", i, err)
		}
	}
	if s, _ := ask(t, last, opGet, blobs("a")); s != statusOK {
		t.Errorf("the other process: %v", s)
	}
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := last.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after Shutdown: %v", err)
	}
	if _, err := f.dial(t, unix.SOCK_STREAM).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a channel after Shutdown: %v", err) // its process is not told that it has too many threads
	}
}

func TestWithoutACache(t *testing.T) {
	f := newFixture(t, func(d *Deps) { d.Cache = nil })
	channel := f.dial(t, unix.SOCK_STREAM)
	for _, op := range []operation{opGet, opPurgeTags} {
		if s, text := ask(t, channel, op, blobs("a")); s != statusOff || !strings.Contains(text, "app_cache.size") {
			t.Errorf("%v: %v %q", op, s, text)
		}
	}
}

func TestNames(t *testing.T) {
	for i := range 300 {
		known, status, has := i > 0 && i <= int(lastOperation), status(i).String(), i > 0 && i <= int(lastStatus)
		if (operation(i).String() != "unknown") != known || (status != "unknown") != has || operation(i).String() == "" || status == "" {
			t.Errorf("%d: %q %q", i, operation(i), status)
		}
		if i == 255 {
			return
		}
	}
}

// FuzzHandle: whatever a process asks for, this process lives, and the answer is no longer than what there is.
func FuzzHandle(f *testing.F) {
	f.Add(byte(opGet), blobs("a", "b"))
	f.Add(byte(opSet), entryOf(1, []string{"t"}, binary.LittleEndian.AppendUint32(nil, 1), blob("k"), blob("v")))
	f.Add(byte(opIncr), entryOf(0, nil, appendI64(nil, 2), []byte{1}, appendI64(nil, 40), blob("n")))
	f.Add(byte(opMetric), slices.Concat([]byte{3}, blob("h"), blob("H."), blobs("a"), []byte{1, 0, 0, 0}, appendI64(nil, 0x3ff<<52)))
	f.Add(byte(opSeries), slices.Concat(appendI64(nil, 0), blobs("v"), appendI64(nil, 7)))
	f.Fuzz(func(t *testing.T, op byte, payload []byte) {
		board := series.New(series.Limits{Metrics: 3, Cells: 20}, slog.New(slog.DiscardHandler))
		if _, err := board.Define(series.Definition{Kind: series.LiveSum, Name: "x", Labels: []string{"l"}}); err != nil {
			t.Fatal(err)
		}
		service := New(Limits{Channels: 1, Value: 1 << 10}, Deps{Cache: &fakeCache{entries: map[string]Entry{}}, Metrics: board})
		c := &channel{service: service, caller: service.Join("0")}
		s := c.handle(t.Context(), operation(op), cursor{rest: payload})
		if s == 0 || s > lastStatus || len(c.answer) > len(payload)+1000 {
			t.Errorf("%v, %d bytes", s, len(c.answer))
		}
	})
}
