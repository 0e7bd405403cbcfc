package server

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// memoryAge is how old a reading of the processes' memory may be before it is taken again. With a thousand workers one
// takes several milliseconds.
const memoryAge = 2 * time.Second

// footprint is the memory of one process, in bytes; zeros when nobody can tell.
type footprint struct {
	resident  int64
	anonymous int64 // without files and shared memory
}

// memoryReader reads /proc. Whoever comes while another reads gets what was read before.
type memoryReader struct {
	now     func() time.Time
	reading sync.Mutex // held by the one who reads; nobody waits for it
	last    atomic.Pointer[memoryReading]
}

type memoryReading struct {
	at time.Time
	of map[int]footprint
}

func newMemoryReader(now func() time.Time) *memoryReader {
	m := &memoryReader{now: now}
	m.last.Store(&memoryReading{})
	return m
}

// read gives the memory of processes by pid; one that is not in the result was not there. It is at most memoryAge old,
// and does not know a process that is younger than that.
func (m *memoryReader) read(pids []int) map[int]footprint {
	last := m.last.Load()
	now := m.now()
	if now.Sub(last.at) < memoryAge || !m.reading.TryLock() {
		return last.of
	}
	defer m.reading.Unlock()
	fresh := &memoryReading{at: now, of: make(map[int]footprint, len(pids))}
	for _, pid := range pids {
		if f, ok := readFootprint(pid); ok {
			fresh.of[pid] = f
		}
	}
	m.last.Store(fresh)
	return fresh.of
}

// readFootprint reads the second and the third number of statm (proc(5)): resident pages, and those of them that are
// files or shared memory.
func readFootprint(pid int) (footprint, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return footprint{}, false // it has ended
	}
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return footprint{}, false
	}
	page := int64(os.Getpagesize())
	resident, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
	shared, err2 := strconv.ParseInt(string(fields[2]), 10, 64)
	return footprint{resident: resident * page, anonymous: (resident - shared) * page}, err1 == nil && err2 == nil
}
