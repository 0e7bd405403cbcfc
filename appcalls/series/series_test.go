package series

import (
	"errors"
	"log/slog"
	"math"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"
)

func newBoard(limits Limits) *Board { return New(limits, slog.New(slog.DiscardHandler)) }

// place defines a metric and gives a cell of it.
func place(t *testing.T, b *Board, d Definition, owner Owner, values ...string) int {
	t.Helper()
	number, err := b.Define(d)
	if err != nil {
		t.Fatal(err)
	}
	cell, err := b.Place(number, values, owner)
	if err != nil {
		t.Fatal(err)
	}
	return cell
}

func (b *Board) put(cell int, value float64) {
	atomic.StoreUint64(&b.cells[cell], math.Float64bits(value))
}

func expect(t *testing.T, b *Board, want string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(b)
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	if got := page.Body.String(); page.Code != 200 || got != want {
		t.Errorf("%d\n%s\nwant\n%s", page.Code, got, want)
	}
}

func TestNothingBeforeTheFirstMetric(t *testing.T) {
	b := newBoard(Limits{10, 10})
	expect(t, b, "")
	if b.file != nil || b.cells != nil {
		t.Error("memory was made for nobody")
	}
}

func TestSharedAndOwnCells(t *testing.T) {
	b := newBoard(Limits{10, 20})
	one, two := Owner{"w0", 10}, Owner{"w1", 11}
	counter := Definition{Kind: Counter, Name: "a_total", Help: "A.", Labels: []string{"l"}}
	if place(t, b, counter, one, "x") != place(t, b, counter, two, "x") {
		t.Error("two processes have two cells of a counter")
	}
	b.put(place(t, b, counter, one, "x"), 4)
	for kind, name := range map[Kind]string{LiveSum: "s", LiveMin: "i", LiveMax: "m", LiveEach: "e"} {
		live := Definition{Kind: kind, Name: name, Help: "L."}
		b.put(place(t, b, live, one), 3)
		b.put(place(t, b, live, two), 5)
	}
	expect(t, b, "# HELP a_total A.\n# TYPE a_total counter\na_total{l=\"x\"} 4\n"+
		"# HELP e L.\n# TYPE e gauge\ne{pid=\"10\"} 3\ne{pid=\"11\"} 5\n# HELP i L.\n# TYPE i gauge\ni 3\n"+
		"# HELP m L.\n# TYPE m gauge\nm 5\n# HELP s L.\n# TYPE s gauge\ns 8\n")
	used, _ := b.Cells()
	b.Leave("w1")
	expect(t, b, "# HELP a_total A.\n# TYPE a_total counter\na_total{l=\"x\"} 4\n"+
		"# HELP e L.\n# TYPE e gauge\ne{pid=\"10\"} 3\n# HELP i L.\n# TYPE i gauge\ni 3\n"+
		"# HELP m L.\n# TYPE m gauge\nm 3\n# HELP s L.\n# TYPE s gauge\ns 3\n")
	b.Leave("w0")
	expect(t, b, "# HELP a_total A.\n# TYPE a_total counter\na_total{l=\"x\"} 4\n# HELP s L.\n# TYPE s gauge\ns 0\n")
	if now, _ := b.Cells(); now != used-8 {
		t.Errorf("%d cells of %d are left", now, used)
	}
	again := place(t, b, Definition{Kind: LiveSum, Name: "s", Help: "L."}, Owner{"w2", 12})
	if b.value(again) != 0 {
		t.Error("a cell that is used again is not empty")
	}
}

// TestASecondPidOfTheSameName: a process says its pid itself. /metrics must stay readable whatever it says.
func TestASecondPidOfTheSameName(t *testing.T) {
	b := newBoard(Limits{10, 10})
	each := Definition{Kind: LiveEach, Name: "e", Help: "L."}
	b.put(place(t, b, each, Owner{"w0", 10}), 1)
	b.put(place(t, b, each, Owner{"w1", 10}), 1)
	expect(t, b, "# HELP e L.\n# TYPE e gauge\ne{pid=\"10\"} 1\n")
}

// TestOddNumbers: any bits that a worker writes give a readable page.
func TestOddNumbers(t *testing.T) {
	b := newBoard(Limits{10, 20})
	h := place(t, b, Definition{Kind: Histogram, Name: "h", Help: "H.", Buckets: []float64{1, 2}}, Owner{})
	for i, value := range []float64{math.NaN(), math.Inf(1), -3, 2.5} {
		b.put(h+i, value)
	}
	s := place(t, b, Definition{Kind: Summary, Name: "s", Help: "S."}, Owner{})
	b.put(s, 1e300)
	expect(t, b, "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"2\"} 0\nh_bucket{le=\"+Inf\"} 0\n"+
		"h_sum 2.5\nh_count 0\n# HELP s S.\n# TYPE s summary\ns_sum 0\ns_count 0\n")
}

// TestNamesThatCollide: whatever is defined, the registry can gather it, and the latest counts.
func TestNamesThatCollide(t *testing.T) {
	b := newBoard(Limits{10, 50})
	place(t, b, Definition{Kind: Histogram, Name: "x", Help: "H.", Buckets: []float64{1}}, Owner{})
	place(t, b, Definition{Kind: Gauge, Name: "x_count", Help: "G."}, Owner{})
	expect(t, b, "# HELP x_count G.\n# TYPE x_count gauge\nx_count 0\n")
	place(t, b, Definition{Kind: Summary, Name: "x", Help: "S."}, Owner{})
	expect(t, b, "# HELP x S.\n# TYPE x summary\nx_sum 0\nx_count 0\n")
}

func TestLimits(t *testing.T) {
	b := newBoard(Limits{2, 3})
	place(t, b, Definition{Kind: Summary, Name: "a"}, Owner{})
	number, err := b.Define(Definition{Kind: Gauge, Name: "b", Labels: []string{"l"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range []string{"x", "y", "x", "z"} {
		_, err := b.Place(number, []string{value}, Owner{})
		if full := i%2 == 1; errors.Is(err, ErrFull) != full || full && !strings.Contains(err.Error(), "app_metrics.series is 3") {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := b.Define(Definition{Kind: Gauge, Name: "c"}); !errors.Is(err, ErrFull) || b.Rejected() != 3 {
		t.Errorf("%v, %d rejected", err, b.Rejected())
	}
	if _, err := b.Place(7, nil, Owner{}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := b.Place(number, nil, Owner{}); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

func TestInvalidDefinitions(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, d := range []Definition{
		{Kind: 0, Name: "a"}, {Kind: lastKind + 1, Name: "a"}, {Kind: Gauge}, {Kind: Gauge, Name: "1a"}, {Kind: Gauge, Name: "a-b"},
		{Kind: Gauge, Name: "ä"}, {Kind: Gauge, Name: long}, {Kind: Gauge, Name: "go_x"}, {Kind: Gauge, Name: "penknife_x"},
		{Kind: Counter, Name: "a"}, {Kind: Gauge, Name: "a", Help: long}, {Kind: Gauge, Name: "a", Help: "\xff"},
		{Kind: Gauge, Name: "a", Labels: []string{"a:b"}}, {Kind: Gauge, Name: "a", Labels: []string{""}},
		{Kind: Gauge, Name: "a", Labels: make([]string, 33)}, {Kind: Summary, Name: "a", Labels: []string{"quantile"}},
		{Kind: LiveEach, Name: "a", Labels: []string{"pid"}}, {Kind: Gauge, Name: "a", Buckets: []float64{1}},
		{Kind: Histogram, Name: "a", Buckets: []float64{math.Inf(1)}}, {Kind: Histogram, Name: "a", Buckets: []float64{1, 1}},
		{Kind: Histogram, Name: "a", Buckets: []float64{math.NaN()}}, {Kind: Histogram, Name: "a", Buckets: make([]float64, 300)},
	} {
		if _, err := newBoard(Limits{10, 1000}).Define(d); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+.100v: %v", d, err)
		}
	}
}

// TestTheMemoryCannotShrink: a worker that has it could end this process otherwise.
func TestTheMemoryCannotShrink(t *testing.T) {
	b := newBoard(Limits{10, 10})
	file, n, err := b.Memory()
	if err != nil || n != 10 {
		t.Fatal(n, err)
	}
	if err := file.Truncate(0); !errors.Is(err, os.ErrPermission) && !errors.Is(err, unix.EPERM) {
		t.Errorf("truncate: %v", err)
	}
	if again, _, _ := b.Memory(); again != file {
		t.Error("another memory")
	}
}

func TestKindNames(t *testing.T) {
	for k := range Kind(255) {
		if (k.String() != "unknown") != (k > 0 && k <= lastKind) {
			t.Errorf("%d: %s", k, k)
		}
	}
}
