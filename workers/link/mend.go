package link

import "time"

// Damage that is found again within damageWindow, damageLimit times in all, is no accident that is over.
const (
	damageLimit  = 3
	damageWindow = 10 * time.Second
)

// repairs is what the scanner remembers of damage to what all lanes share. Its goroutine owns it.
type repairs struct {
	first time.Time
	count int
}

// Mend restores the parts of the memory that every lane and zygote reads and none may change: the header page, the ring
// with its head and tail, and the words of lanes that do not exist. It overwrites them with Go's own values, puts the
// eventfd right as well, and tells whether anything was wrong. Any goroutine may call it until Shutdown.
func (q *Queue) Mend() (found bool) {
	found = q.events.relieve()
	if q.ring.mend() {
		found = true
	}
	if q.mem.restoreHeader() {
		found = true
	}
	lanes := q.mem.workers * q.mem.threads
	for word := range idleWords {
		if extra := ^maskOf(lanes - word*64); q.mem.u64(hIdle+word*8).Load()&extra != 0 {
			q.mem.u64(hIdle + word*8).And(^extra)
			found = true
		}
	}
	return found
}

// maskOf gives a word whose lowest n bits are set; n may be beyond both ends.
func maskOf(n int) uint64 {
	switch {
	case n <= 0:
		return 0
	case n >= 64:
		return ^uint64(0)
	}
	return 1<<n - 1
}

// mend repairs the parts that all lanes share. It cannot be known which worker damaged them. The first few times no
// request is lost, because what was mended did no harm; if the damage goes on, all workers are stopped, since what the
// guilty one writes into other parts of the memory cannot be seen.
func (q *Queue) mend(now time.Time) {
	if !q.Mend() {
		return
	}
	r := &q.repairs
	if now.Sub(r.first) > damageWindow {
		*r = repairs{first: now}
	}
	r.count++
	if r.count <= damageLimit {
		q.opts.Log.Error("a worker has written over the memory that all share; it was mended", "times", r.count)
	}
	if r.count == damageLimit && q.opts.Hostile != nil {
		q.opts.Hostile(-1, "the memory that all workers share is written over again and again")
	}
}
