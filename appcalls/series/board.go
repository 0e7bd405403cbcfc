package series

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrFull is a limit that was reached; its text names the setting.
var ErrFull = errors.New("too many metrics")

// ErrUnknown is a number that Define did not give.
var ErrUnknown = errors.New("series: no such metric")

// Limits bound what the application can make this process keep.
type Limits struct {
	Metrics int
	Cells   int // about what Prometheus counts as series
}

// Owner is a process that may have cells of its own: whoever asked for them, and its pid.
type Owner struct {
	Caller any
	PID    int
}

// Board is all metrics of the application. Its methods may be called from any goroutine.
type Board struct {
	limits Limits
	log    *slog.Logger

	rejected atomic.Uint64 // definitions and series over a limit

	mu     sync.Mutex // guards everything below
	file   *os.File   // nil before the first use
	cells  []uint64   // mapped; bits of float64, changed by workers at any time
	used   int
	free   []int // single cells below used
	list   []*metric
	names  map[string]*metric // by every name on /metrics
	owners map[any][]*family  // families in which a caller has cells of its own
	warned bool
}

type metric struct {
	Definition
	replaced bool // by another definition: no longer shown
	families map[string]*family
	order    []*family
}

// family is a metric with values for its labels.
type family struct {
	metric *metric
	values []string
	base   int           // first cell, unless each process has one
	own    map[Owner]int // cells by process
}

// New makes an empty Board.
func New(limits Limits, log *slog.Logger) *Board {
	return &Board{limits: limits, log: log, names: map[string]*metric{}, owners: map[any][]*family{}}
}

// Memory gives the cells as a memory file, which stays the Board's and open, and their number.
func (b *Board) Memory() (*os.File, int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		if err := b.open(); err != nil {
			return nil, 0, err
		}
	}
	return b.file, b.limits.Cells, nil
}

// open makes the memory. It cannot be made smaller, or a worker could end this process by a fault.
func (b *Board) open() error {
	fd, err := unix.MemfdCreate("penknife metrics", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("memory for the application's metrics: %w", err)
	}
	file := os.NewFile(uintptr(fd), "metrics")
	size := int64(b.limits.Cells) * 8
	err = file.Truncate(size)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	var memory []byte
	if err == nil {
		memory, err = unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		return fmt.Errorf("memory for the application's metrics: %w", errors.Join(err, file.Close()))
	}
	b.file, b.cells = file, unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(memory))), b.limits.Cells)
	return nil
}

// Define makes a metric known and gives its number. The same definition again gives the same number. A different one
// that shows a name which is taken replaces what had it: new code after a reload may describe a metric anew.
func (b *Board) Define(d Definition) (int, error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if old := b.names[d.Name]; old != nil && old.equal(&d) {
		return b.number(old), nil
	}
	if len(b.list) >= b.limits.Metrics {
		return 0, b.full("app_metrics.metrics", b.limits.Metrics)
	}
	m := &metric{Definition: d, families: map[string]*family{}}
	for _, name := range d.shown() {
		if old := b.names[name]; old != nil {
			b.replace(old, d.Name)
		}
	}
	for _, name := range d.shown() {
		b.names[name] = m
	}
	b.list = append(b.list, m)
	return len(b.list) - 1, nil
}

func (b *Board) number(m *metric) int {
	for i, one := range b.list {
		if one == m {
			return i
		}
	}
	return 0
}

// replace takes a metric off /metrics. Its cells are not used again: old workers may still count in them.
func (b *Board) replace(old *metric, by string) {
	old.replaced = true
	for _, name := range old.shown() {
		delete(b.names, name)
	}
	b.log.Info("a metric of the application was defined anew; what was counted for the old one is gone", "metric", old.Name, "by", by)
}

// full counts and tells the first time.
func (b *Board) full(setting string, limit int) error {
	b.rejected.Add(1)
	if !b.warned {
		b.warned = true
		b.log.Warn("the application has too many metrics; further ones are not kept", "setting", setting, "limit", limit)
	}
	return fmt.Errorf("%w: %s is %d", ErrFull, setting, limit)
}

// Place gives the first cell of a metric with these values of its labels, and makes it if there is none. owner counts
// for metrics that are kept for each process.
func (b *Board) Place(number int, values []string, owner Owner) (cell int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number < 0 || number >= len(b.list) {
		return 0, ErrUnknown
	}
	m := b.list[number]
	if err := m.checkValues(values); err != nil {
		return 0, err
	}
	if b.file == nil {
		if err := b.open(); err != nil {
			return 0, err
		}
	}
	key := keyOf(values)
	f := m.families[key]
	if f != nil && !m.Kind.perProcess() {
		return f.base, nil
	}
	if f != nil {
		if cell, has := f.own[owner]; has {
			return cell, nil
		}
	}
	cell, ok := b.take(m.cells())
	if !ok {
		return 0, b.full("app_metrics.series", b.limits.Cells)
	}
	if f == nil {
		f = &family{metric: m, values: values, base: cell}
		m.families[key] = f
		m.order = append(m.order, f)
	}
	if m.Kind.perProcess() {
		if f.own == nil {
			f.own = map[Owner]int{}
		}
		f.own[owner] = cell
		b.owners[owner.Caller] = append(b.owners[owner.Caller], f)
	}
	return cell, nil
}

// keyOf joins values so that different lists give different texts.
func keyOf(values []string) string {
	var key strings.Builder
	for _, value := range values {
		key.WriteString(strconv.Itoa(len(value)))
		key.WriteByte(':')
		key.WriteString(value)
	}
	return key.String()
}

// take gives n cells in a row, zero.
func (b *Board) take(n int) (first int, ok bool) {
	if n == 1 && len(b.free) > 0 {
		first = b.free[len(b.free)-1]
		b.free = b.free[:len(b.free)-1]
		atomic.StoreUint64(&b.cells[first], 0)
		return first, true
	}
	if b.used+n > b.limits.Cells {
		return 0, false
	}
	first = b.used
	b.used += n
	return first, true
}

// Leave frees the cells that processes of a caller had for themselves. The caller is gone: nobody writes there.
func (b *Board) Leave(caller any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.owners[caller] {
		for owner, cell := range f.own {
			if owner.Caller == caller {
				delete(f.own, owner)
				b.free = append(b.free, cell)
			}
		}
	}
	delete(b.owners, caller)
}

// value reads a cell.
func (b *Board) value(cell int) float64 {
	return math.Float64frombits(atomic.LoadUint64(&b.cells[cell]))
}
