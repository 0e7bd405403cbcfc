package link

import (
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"penknife/gateway"
)

// Queue is the link to the workers of one generation.
type Queue struct {
	opts     Options
	clock    clock
	mem      *memory
	ring     *ring
	events   *eventBits
	slots    slots
	accounts []account // by worker index

	freeMu  sync.Mutex
	free    []int32         // stack: the slot used last is used next, so that few pages are touched
	drained []chan struct{} // closed when every slot is free or forsaken
	places  int             // that may be taken now: see makeRoom
	peak    int             // most slots that were in use at once since the last scan

	forsaken int // slots that nobody waits for, since their worker was killed and does not go; freeMu guards it too

	entry entry

	spin     spinner
	lived    lived // of the scanner
	repairs  repairs
	refusal  atomic.Pointer[gateway.Error] // nil: requests are taken
	scanning atomic.Bool
	scanKick chan struct{}
	stopped  chan struct{}
	wg       sync.WaitGroup

	lookMu   sync.Mutex // guards unmapped, for those who look into the memory without being part of a request
	unmapped bool
}

// New makes a queue: sealed shared memory and an eventfd. It starts nothing.
func New(o Options) (*Queue, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g, err := newGeometry(o)
	if err != nil {
		return nil, err
	}
	mem, err := newMemory(g, laneSpin(o.Spin))
	if err != nil {
		return nil, err
	}
	events, err := newEventBits(mem)
	if err != nil {
		mem.close()
		return nil, err
	}
	q := &Queue{
		opts: o, clock: newClock(), mem: mem, ring: newRing(mem), events: events,
		free:     make([]int32, 0, g.slots),
		accounts: make([]account, o.Workers), entry: newEntry(),
		scanKick: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	for i := range q.accounts {
		q.accounts[i].open(q.clock.now())
	}
	q.slots = newSlots(q, g.slots)
	q.makeRoom()
	for i := g.slots - 1; i >= 0; i-- {
		q.free = append(q.free, int32(i))
	}
	return q, nil
}

// laneSpin turns spinning off on one CPU, where it only delays the peer that is waited for.
func laneSpin(asked int) int {
	switch {
	case asked < 0 || runtime.NumCPU() == 1:
		return 0
	case asked == 0:
		return defaultSpin
	}
	return asked
}

// Start starts the event reader and the scanner; Shutdown stops them.
func (q *Queue) Start() {
	q.wg.Go(q.readEvents) // ends when Shutdown closes the eventfd
	q.wg.Go(q.scan)       // ends when Shutdown closes stopped
}

// Files gives the memory and the eventfd for workers to inherit. The queue keeps ownership.
func (q *Queue) Files() (memory, event *os.File) { return q.mem.file, q.events.event }

// Geometry gives the part of the header page that says how large everything is, for processes that map the memory: they must not
// read it there, where any worker may have written over it.
func (q *Queue) Geometry() []byte {
	geometry := make([]byte, 0, geometrySize)
	for _, word := range q.mem.header {
		geometry = binary.LittleEndian.AppendUint64(geometry, word)
	}
	return geometry
}

// Serve puts the request into the queue and waits for the head of its answer; with req.Later set it returns
// gateway.ErrPending instead. body is the complete request body or nil; Serve owns it from now on. The response's
// body must be closed. Errors are *gateway.Error: KindOverloaded, KindHeadTooLarge, KindQueueTimeout,
// KindRequestTimeout, KindApp, KindWorkerDied, KindUnavailable, KindInternal; but ErrClosed when the queue is closed,
// and then body is still the caller's.
func (q *Queue) Serve(req *gateway.Request, body Spool) (*gateway.Response, error) {
	if !q.entry.enter() {
		return nil, ErrClosed
	}
	s, err := q.submit(req, body)
	q.entry.leave()
	if err != nil {
		if body != nil {
			body.Release()
		}
		return nil, err
	}
	if req.Later != nil {
		return nil, gateway.ErrPending
	}
	return s.await()
}

func (q *Queue) submit(req *gateway.Request, body Spool) (*slot, error) {
	if err := q.refusal.Load(); err != nil {
		return nil, err
	}
	s := q.takeFree()
	if s == nil {
		return nil, gateway.Errorf(gateway.KindOverloaded, "all %d places of the queue are taken (workers.queue)", q.Places())
	}
	if err := s.load(req, body); err != nil { // nobody else looks at an idle slot: no lock
		q.putFree(s)
		return nil, err
	}
	alone, before := s.alone, s.before // read now: once pushed, the slot may be answered and somebody else's
	s.mu.Lock()
	position, ok := q.ring.push(uint32(s.index), s.state)
	if !ok {
		s.mu.Unlock()
		q.putFree(s)
		return nil, gateway.Errorf(gateway.KindOverloaded, "the queue's ring is full (workers.queue)")
	}
	s.step, s.position = stepWaiting, position
	s.name = append(s.name[:0], req.RequestID[:min(len(req.RequestID), maxTargetCopy)]...)
	s.mu.Unlock()
	if err := q.refusal.Load(); err != nil && s.withdraw() {
		return nil, err
	}
	q.hand(s, alone, before)
	if !q.scanning.Load() {
		q.startScan()
	}
	return s, nil
}

// hand lets a lane know of a request that was pushed. The lane that had the last request of a lone client looks for this one
// itself (decision 0035); another is woken only when it has not taken it after all.
func (q *Queue) hand(s *slot, alone bool, before int) {
	expected := alone && q.ring.awake(before)
	if !expected {
		q.ring.wakeOne()
	}
	if alone {
		q.lookFor(s)
	}
	if _, _, state := splitState(s.state.Load()); expected && state == stateQueued {
		q.ring.wakeOne()
	}
}

// await waits for the head. The wake channel may hold a signal of an earlier exchange: the step decides.
func (s *slot) await() (*gateway.Response, error) {
	for {
		<-s.wake
		s.mu.Lock()
		switch s.step {
		case stepAnswered:
			s.mu.Unlock()
			return &s.response, nil
		case stepFailed:
			err := s.err
			s.frontDone = true
			d := delivery{release: s.settle()}
			s.mu.Unlock()
			d.run()
			return nil, err
		}
		s.mu.Unlock()
	}
}

func (q *Queue) takeFree() *slot {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	last := len(q.free) - 1
	if last < 0 || q.slots.count-len(q.free) >= q.places {
		return nil
	}
	index := q.free[last]
	q.free = q.free[:last]
	q.peak = max(q.peak, q.slots.count-last)
	s := q.slots.take(int(index))
	s.alone = q.peak == 1
	return s
}

func (q *Queue) putFree(s *slot) {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	q.free = append(q.free, int32(s.index))
	q.tellDrained()
}

// forsake changes the number of slots that nobody waits for any more.
func (q *Queue) forsake(by int) {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	q.forsaken += by
	q.tellDrained()
}

// tellDrained wakes those who wait in Drain if there is nothing to wait for. It must be called with the lock held.
func (q *Queue) tellDrained() {
	if len(q.free)+q.forsaken < q.slots.count {
		return
	}
	for _, waiter := range q.drained {
		close(waiter)
	}
	q.drained = nil
}

// readEvents is the event reader. Who wakes it for nothing may be a lane that found no sense in the ring.
func (q *Queue) readEvents() {
	for {
		woken := false
		for q.events.fetch(q.handle) {
			woken = true
		}
		if !woken {
			q.Mend()
		}
		if q.events.wait() != nil {
			return
		}
	}
}

// fetchEvents does what the event reader does, without waking it. Any goroutine may. It says first that the reader sleeps:
// a worker that took that word may be gone before it wrote the eventfd, and then no other would ever write it. A reader that
// is awake is woken once for nothing.
func (q *Queue) fetchEvents() {
	q.events.asleep.Store(1)
	for q.events.any() && q.events.fetch(q.handle) {
	}
}

func (q *Queue) handle(index int) {
	s := q.slots.at(index)
	if s == nil {
		return // a worker lies
	}
	s.mu.Lock()
	d := s.advance()
	s.mu.Unlock()
	d.run()
}

// InFlight is the number of requests that wait or run.
func (q *Queue) InFlight() int {
	q.freeMu.Lock()
	defer q.freeMu.Unlock()
	return q.slots.count - len(q.free)
}

// Drain waits until no request is in flight but those of forsaken workers, or for ctx. It does not keep new ones out.
func (q *Queue) Drain(ctx context.Context) error {
	q.freeMu.Lock()
	if len(q.free)+q.forsaken == q.slots.count {
		q.freeMu.Unlock()
		return nil
	}
	done := make(chan struct{})
	q.drained = append(q.drained, done)
	q.freeMu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown closes the queue, ends what is left with KindUnavailable, stops the goroutines and releases the memory.
// Every worker process must be gone. It waits for front ends to let go of their responses until ctx ends; if they have not, the
// memory stays mapped, since their bodies point into it.
func (q *Queue) Shutdown(ctx context.Context) error {
	q.Close()
	close(q.stopped)
	for s := range q.slots.made() {
		s.end(gateway.Errorf(gateway.KindUnavailable, "the workers were stopped"))
	}
	q.events.event.Close()
	q.wg.Wait()
	if err := q.Drain(ctx); err != nil {
		return err
	}
	q.lookMu.Lock()
	q.unmapped = true
	q.lookMu.Unlock()
	return q.mem.close()
}
