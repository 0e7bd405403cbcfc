package link

import (
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// geometry is how large each part of the memory is.
type geometry struct {
	slots, workers, threads, ringSize       int
	varsArea, requestRing, headArea         int
	responseRing                            int
	offLanes, offWorkers, offRing           int
	offEvents, offSlots, offAreas, areaSize int
	summaryWords, eventWords                int
	total                                   int
}

const (
	headArea    = 64 << 10  // uWSGI's response-headers-limit
	requestRing = 256 << 10 // fewer wakes per megabyte of upload than smaller windows; only touched pages cost memory
	maxSlots    = 1 << 16
	maxLanes    = idleWords * 64
	pageSize    = 4096
)

func newGeometry(o Options) (geometry, error) {
	if o.Slots < 1 || o.Slots > maxSlots {
		return geometry{}, fmt.Errorf("link: %d slots: must be 1 to %d", o.Slots, maxSlots)
	}
	if o.Workers < 1 || o.Threads < 1 || o.Workers*o.Threads > maxLanes {
		return geometry{}, fmt.Errorf("link: %d workers with %d threads: must be 1 to %d in all",
			o.Workers, o.Threads, maxLanes)
	}
	g := geometry{
		slots: o.Slots, workers: o.Workers, threads: o.Threads,
		ringSize:     powerOfTwo(2 * o.Slots),
		varsArea:     pages(o.MaxVars),
		requestRing:  requestRing,
		headArea:     headArea,
		responseRing: powerOfTwo(max(o.ResponseBuffer, 16<<10)),
	}
	g.eventWords = (g.slots + 63) / 64
	g.summaryWords = (g.eventWords + 63) / 64
	g.offLanes = headerSize
	g.offWorkers = g.offLanes + g.workers*g.threads*laneSize
	g.offRing = pages(g.offWorkers + g.workers*workerSize)
	g.offEvents = g.offRing + g.ringSize*8
	g.offSlots = pages(g.offEvents + (g.summaryWords+g.eventWords)*8)
	g.offAreas = pages(g.offSlots + g.slots*slotSize)
	g.areaSize = g.varsArea + g.requestRing + g.headArea + g.responseRing
	g.total = g.offAreas + g.slots*g.areaSize
	return g, nil
}

func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) }

func pages(n int) int { return (n + pageSize - 1) &^ (pageSize - 1) }

// memory is the mapped memfd. Its file and mapping live until close.
type memory struct {
	geometry
	file *os.File
	data []byte
	// header is what stands before hGoAsleep, for good.
	header [geometrySize / 8]uint64
}

func newMemory(g geometry, spin int) (*memory, error) {
	fd, err := unix.MemfdCreate("penknife-queue", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("link: create memfd: %w", err)
	}
	m := &memory{geometry: g, file: os.NewFile(uintptr(fd), "penknife-queue")}
	if err := m.prepare(fd); err != nil {
		m.file.Close()
		return nil, err
	}
	m.writeHeader(spin)
	return m, nil
}

// prepare sizes, seals and maps. The seals keep a worker's ftruncate from turning our reads into SIGBUS.
func (m *memory) prepare(fd int) error {
	if err := unix.Ftruncate(fd, int64(m.total)); err != nil {
		return fmt.Errorf("link: size memfd to %d bytes: %w", m.total, err)
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("link: seal memfd: %w", err)
	}
	data, err := unix.Mmap(fd, 0, m.total, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("link: map %d bytes for %d requests that wait: %w; a smaller workers.queue takes less, and so does no limit on addresses (ulimit -v)",
			m.total, m.slots, err)
	}
	m.data = data
	return nil
}

func (m *memory) writeHeader(spin int) {
	for offset, value := range map[int]int{
		hVersion: layoutVersion, hSlots: m.slots, hWorkers: m.workers, hThreads: m.threads,
		hRingSize: m.ringSize, hSpin: spin, hGoPid: os.Getpid(),
	} {
		m.u32(offset).Store(uint32(value))
	}
	for offset, value := range map[int]int{
		hVarsArea: m.varsArea, hRequestRing: m.requestRing, hHeadArea: m.headArea, hResponseRing: m.responseRing,
		hOffLanes: m.offLanes, hOffWorkers: m.offWorkers, hOffRing: m.offRing, hOffEvents: m.offEvents,
		hOffSlots: m.offSlots, hOffAreas: m.offAreas, hTotal: m.total,
	} {
		m.u64(offset).Store(uint64(value))
	}
	m.u64(hMagic).Store(layoutMagic)
	for i := range m.header {
		m.header[i] = m.u64(i * 8).Load()
	}
}

// restoreHeader writes again what is constant in the header page, and tells whether something else stood there.
func (m *memory) restoreHeader() (changed bool) {
	for i, value := range m.header {
		if word := m.u64(i * 8); word.Load() != value {
			word.Store(value)
			changed = true
		}
	}
	return changed
}

// close unmaps. Nobody may use the memory any more: bodies that are still held would fault.
func (m *memory) close() error {
	err := unix.Munmap(m.data)
	m.data = nil
	if cerr := m.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// u32 and u64 are views of one shared word; Go's atomics are plain instructions on it.
func (m *memory) u32(offset int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&m.data[offset]))
}

func (m *memory) u64(offset int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&m.data[offset]))
}

func (m *memory) lane(lane int) int     { return m.offLanes + lane*laneSize }
func (m *memory) worker(worker int) int { return m.offWorkers + worker*workerSize }

// area gives the four parts of a slot's area.
func (m *memory) area(slot int) (vars, request, head, response []byte) {
	start := m.offAreas + slot*m.areaSize
	cut := func(size int) []byte {
		part := m.data[start : start+size : start+size]
		start += size
		return part
	}
	return cut(m.varsArea), cut(m.requestRing), cut(m.headArea), cut(m.responseRing)
}
