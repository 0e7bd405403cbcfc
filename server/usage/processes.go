package usage

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
	oldest        = 2 * time.Second
	agePerProcess = 10 * time.Millisecond
)

// clockTick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every Linux that we run on (time(7)).
const clockTick = 10 * time.Millisecond

// Footprint is what one process takes; zeros when nobody can tell.
type Footprint struct {
	Resident  int64         // bytes
	Anonymous int64         // bytes, without files and shared memory
	CPU       time.Duration // since its start, in all threads
}

// processes reads /proc. Whoever comes while another reads gets what was read before.
type processes struct {
	now     func() time.Time
	reading sync.Mutex // held by the one who reads; nobody waits for it
	last    atomic.Pointer[Reading]
}

// Reading is what processes took at one moment. It is shared: nobody changes it.
type Reading struct {
	Of  map[int]Footprint // by pid; a process that had ended is missing
	CPU float64           // processors that all of them together have kept busy since the reading before
	at  time.Time
}

// read gives what processes take, by pid; one that is not in the result was not there. It is as old as said above at most,
// and does not know a process that is younger than that. Everybody has to ask for the same processes.
func (p *processes) read(pids []int) *Reading {
	last := p.last.Load()
	now := p.now()
	if now.Sub(last.at) < max(oldest, time.Duration(len(pids))*agePerProcess) || !p.reading.TryLock() {
		return last
	}
	defer p.reading.Unlock()
	fresh := &Reading{at: now, Of: make(map[int]Footprint, len(pids))}
	var used time.Duration
	for _, pid := range pids {
		f, ok := readFootprint(pid)
		if !ok {
			continue
		}
		fresh.Of[pid] = f
		if before, known := last.Of[pid]; known && f.CPU > before.CPU {
			used += f.CPU - before.CPU
		}
	}
	if !last.at.IsZero() {
		fresh.CPU = used.Seconds() / now.Sub(last.at).Seconds()
	}
	p.last.Store(fresh)
	return fresh
}

// readFootprint reads the second and the third number of statm (proc(5)): resident pages, and those of them that are
// files or shared memory; and utime and stime, which are the twelfth and thirteenth behind the name in stat.
func readFootprint(pid int) (Footprint, bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(dir + "/statm")
	if err != nil {
		return Footprint{}, false // it has ended
	}
	pages := bytes.Fields(text)
	text, err = os.ReadFile(dir + "/stat")
	if err != nil {
		return Footprint{}, false
	}
	times := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(pages) < 3 || len(times) < 13 {
		return Footprint{}, false
	}
	page := int64(os.Getpagesize())
	resident, shared := number(pages[1]), number(pages[2])
	return Footprint{
		Resident: resident * page, Anonymous: (resident - shared) * page,
		CPU: time.Duration(number(times[11])+number(times[12])) * clockTick,
	}, true
}

// number reads what the kernel wrote.
func number(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64) // 0 is what "not known" is called
	return n
}
