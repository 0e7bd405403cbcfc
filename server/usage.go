package server

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A reading of the processes' memory and time may be so old before it is taken again, or older for many processes: each
// takes tens of microseconds, and the readings shall never take more than a hundredth of a processor.
const (
	usageAge        = 2 * time.Second
	usageAgeProcess = 10 * time.Millisecond
)

// clockTick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every Linux that we run on (time(7)).
const clockTick = 10 * time.Millisecond

// footprint is what one process takes; zeros when nobody can tell.
type footprint struct {
	resident  int64 // bytes
	anonymous int64 // bytes, without files and shared memory
	cpu       time.Duration
}

// usageReader reads /proc. Whoever comes while another reads gets what was read before.
type usageReader struct {
	now     func() time.Time
	reading sync.Mutex // held by the one who reads; nobody waits for it
	last    atomic.Pointer[usage]
}

// usage is one reading.
type usage struct {
	at  time.Time
	of  map[int]footprint // by pid
	cpu float64           // processors that they used since the reading before
}

func newUsageReader(now func() time.Time) *usageReader {
	m := &usageReader{now: now}
	m.last.Store(&usage{})
	return m
}

// read gives what processes take, by pid; one that is not in the result was not there. It is as old as said above at most,
// and does not know a process that is younger than that. Everybody has to ask for the same processes.
func (m *usageReader) read(pids []int) *usage {
	last := m.last.Load()
	now := m.now()
	if now.Sub(last.at) < max(usageAge, time.Duration(len(pids))*usageAgeProcess) || !m.reading.TryLock() {
		return last
	}
	defer m.reading.Unlock()
	fresh := &usage{at: now, of: make(map[int]footprint, len(pids))}
	var used time.Duration
	for _, pid := range pids {
		f, ok := readFootprint(pid)
		if !ok {
			continue
		}
		fresh.of[pid] = f
		if before, known := last.of[pid]; known && f.cpu > before.cpu {
			used += f.cpu - before.cpu
		}
	}
	if !last.at.IsZero() {
		fresh.cpu = used.Seconds() / now.Sub(last.at).Seconds()
	}
	m.last.Store(fresh)
	return fresh
}

// readFootprint reads the second and the third number of statm (proc(5)): resident pages, and those of them that are
// files or shared memory; and utime and stime, which are the twelfth and thirteenth behind the name in stat.
func readFootprint(pid int) (footprint, bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(dir + "/statm")
	if err != nil {
		return footprint{}, false // it has ended
	}
	pages := bytes.Fields(text)
	text, err = os.ReadFile(dir + "/stat")
	if err != nil {
		return footprint{}, false
	}
	times := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(pages) < 3 || len(times) < 13 {
		return footprint{}, false
	}
	page := int64(os.Getpagesize())
	resident, shared := number(pages[1]), number(pages[2])
	return footprint{
		resident: resident * page, anonymous: (resident - shared) * page,
		cpu: time.Duration(number(times[11])+number(times[12])) * clockTick,
	}, true
}

// number reads what the kernel wrote.
func number(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64) // 0 is what "not known" is called
	return n
}
