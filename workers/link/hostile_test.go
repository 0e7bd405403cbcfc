package link

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penknife/gateway"

	"golang.org/x/sys/unix"
)

// siege is a queue whose memory is overwritten, and the part of the supervisor that matters: whoever is reported dies.
type siege struct {
	t      *testing.T
	q      *Queue
	mu     sync.Mutex
	doomed []int // reported workers, -1 for all
	ended  chan error
	now    time.Time
}

const siegeWorkers = 2

func besiege(t *testing.T) *siege {
	s := &siege{t: t, ended: make(chan error, 1), now: time.Now()}
	doom := func(worker int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.doomed = append(s.doomed, worker)
	}
	options := testOptions()
	options.Workers, options.QueueTimeout, options.RequestTimeout = siegeWorkers, 2*time.Second, 3*time.Second
	options.Hostile = func(worker int, _ string) { doom(worker) }
	options.Overdue = func(worker int, _ Overdue) { doom(worker) }
	var err error
	if s.q, err = New(options); err != nil {
		t.Fatal(err)
	}
	// As if some had been before: position 0 would make zeros look right.
	ring := s.q.ring
	ring.next, ring.believed = 5, 5
	ring.head.Store(5)
	ring.tail.Store(5)
	for worker := range siegeWorkers {
		s.q.WorkerStarting(worker)
	}
	return s
}

// submit puts a request in; what Serve gives goes to ended, and a body is read to its end.
func (s *siege) submit() *slot {
	go func() { // ends when the request does
		response, err := s.q.Serve(newRequest("GET", "/x"), nil)
		if err == nil {
			if _, err = io.Copy(io.Discard, response.Body); err == nil {
				err = io.EOF
			}
			response.Body.CloseWithError(nil)
		}
		s.ended <- err
	}()
	waitFor(s.t, "the request waits", func() bool { return s.q.InFlight() == 1 })
	taken := s.q.slots.at(0)
	waitFor(s.t, "its slot", func() bool {
		taken.mu.Lock()
		defer taken.mu.Unlock()
		return taken.step == stepWaiting
	})
	return taken
}

// kill is the supervisor: those that were reported die, and are replaced.
func (s *siege) kill() {
	s.mu.Lock()
	doomed := s.doomed
	s.doomed = nil
	s.mu.Unlock()
	for _, one := range doomed {
		for worker := range siegeWorkers {
			if one < 0 || one == worker {
				s.q.WorkerDied(worker, "killed")
				s.q.WorkerStarting(worker)
			}
		}
	}
}

// endures scans for as long as both time limits together, and a bit: then the request must be over and its slot free.
func (s *siege) endures(each func()) error {
	for elapsed := time.Duration(0); elapsed < 7*time.Second; elapsed += scanInterval {
		s.now = s.now.Add(scanInterval)
		if each != nil {
			each()
		}
		s.q.scanOnce(s.now)
		s.kill()
		if len(s.ended) > 0 && s.q.InFlight() == 0 {
			break
		}
	}
	select {
	case err := <-s.ended:
		waitFor(s.t, "the slot to be free", func() bool { return s.q.InFlight() == 0 })
		return err
	case <-time.After(2 * time.Second):
		s.t.Fatal("the request is not over although its time is")
		return nil
	}
}

func (s *siege) close() {
	s.q.Start()
	if err := s.q.Shutdown(s.t.Context()); err != nil {
		s.t.Error(err)
	}
}

// TestSiege_StateWords: whatever stands in the state word of a request, once or again and again, it ends in time, and its
// slot comes back when those are gone that may have written there.
func TestSiege_StateWords(t *testing.T) {
	words := map[string]func(position uint32) uint64{
		"zero": func(uint32) uint64 { return 0 }, "one": func(uint32) uint64 { return 1 }, "two": func(uint32) uint64 { return 2 },
		"three": func(uint32) uint64 { return 3 }, "four": func(uint32) uint64 { return 4 }, "ones": func(uint32) uint64 { return ^uint64(0) },
		"half ones": func(uint32) uint64 { return 1<<32 - 1 }, "top bit": func(uint32) uint64 { return 1 << 63 },
		"queued elsewhere":   func(p uint32) uint64 { return stateWord(p+1, -1, stateQueued) },
		"queued, by a lane":  func(p uint32) uint64 { return stateWord(p, 1, stateQueued) },
		"claimed elsewhere":  func(p uint32) uint64 { return stateWord(p+7, 0, stateClaimed) },
		"claimed by nobody":  func(p uint32) uint64 { return stateWord(p, -1, stateClaimed) },
		"claimed by no lane": func(p uint32) uint64 { return stateWord(p, 500, stateClaimed) },
		"claimed":            func(p uint32) uint64 { return stateWord(p, 1, stateClaimed) },
		"done by no lane":    func(p uint32) uint64 { return stateWord(p, 500, stateDone) },
		"done":               func(p uint32) uint64 { return stateWord(p, 1, stateDone) },
		"cancelled":          func(p uint32) uint64 { return stateWord(p, -1, stateCancelled) },
		"queued":             func(p uint32) uint64 { return stateWord(p, -1, stateQueued) },
	}
	for name, word := range words {
		for _, claimed := range []bool{false, true} {
			for _, again := range []bool{false, true} {
				t.Run(name+map[bool]string{true: " after a claim"}[claimed]+map[bool]string{true: ", again and again"}[again], func(t *testing.T) {
					s := besiege(t)
					defer s.close()
					one := s.submit()
					if claimed {
						one.state.Store(stateWord(one.position, 0, stateClaimed))
						s.now = s.now.Add(scanInterval)
						s.q.scanOnce(s.now)
					}
					position := one.position
					one.state.Store(word(position))
					each := func() {
						if again {
							one.state.Store(word(position))
						}
					}
					if err := s.endures(each); err == nil {
						t.Error("it was answered by nobody")
					}
				})
			}
		}
	}
}

// TestSiege_OtherWords: words beside the state that change all the time are no progress for ever.
func TestSiege_OtherWords(t *testing.T) {
	for name, scribble := range map[string]func(*slot, uint64){
		"produced":          func(s *slot, n uint64) { s.respProduced.Store(n) },
		"consumed":          func(s *slot, n uint64) { s.respConsumed.Store(n) },
		"claimed and back":  func(s *slot, n uint64) { s.state.Store(stateWord(s.position, -int(n%2), stateQueued+n%2)) },
		"lanes in turn":     func(s *slot, n uint64) { s.state.Store(stateWord(s.position, int(n%2), stateClaimed)) },
		"stamps":            func(s *slot, n uint64) { s.claimedAt.Store(n); s.doneAt.Store(^n) },
		"ring and its ends": func(s *slot, n uint64) { s.q.ring.head.Store(n); s.q.ring.tail.Store(^n) },
		"phase":             func(s *slot, n uint64) { s.phase.Store(uint32(n)) },
		"a file's flag":     func(s *slot, n uint64) { s.phase.Store(phaseHead); s.flags.Store(flagFile); s.status.Store(200) },
	} {
		for _, claimed := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " after a claim"}[claimed], func(t *testing.T) {
				s := besiege(t)
				defer s.close()
				one := s.submit()
				if claimed {
					one.state.Store(stateWord(one.position, 0, stateClaimed))
				}
				n := uint64(0)
				if err := s.endures(func() { n++; scribble(one, n) }); err == nil {
					t.Error("it was answered by nobody")
				}
			})
		}
	}
}

// TestSiege_BlamesNobodyByADamagedWord: who stands in a word that is not right may be innocent.
func TestSiege_BlamesNobodyByADamagedWord(t *testing.T) {
	s := besiege(t)
	defer s.close()
	one := s.submit()
	one.state.Store(stateWord(one.position+1, 1, stateClaimed))
	s.q.scanOnce(s.now)
	s.mu.Lock()
	if len(s.doomed) != 1 || s.doomed[0] != -1 {
		t.Errorf("reported: %v", s.doomed)
	}
	s.mu.Unlock()
	if err := s.endures(nil); gateway.KindOf(err) != gateway.KindWorkerDied {
		t.Error(err)
	}
}

// TestSiege_HeadBeyondWaiting: a head that a worker has moved past requests that wait hides them from every lane.
func TestSiege_HeadBeyondWaiting(t *testing.T) {
	s := besiege(t)
	defer s.close()
	one := s.submit()
	s.q.ring.head.Store(s.q.ring.next)
	s.q.scanOnce(s.now)
	s.q.scanOnce(s.now.Add(scanInterval)) // the first look only notes that it is there
	if s.q.ring.empty() {
		t.Fatal("no lane will find the request")
	}
	one.mu.Lock()
	position := one.position
	one.mu.Unlock()
	entry := s.q.ring.cell(s.q.ring.head.Load()).Load()
	if entry != ringEntry(uint64(position), uint32(one.index)) || one.state.Load() != stateWord(position, -1, stateQueued) {
		t.Errorf("the cell says %x, the slot waits at %d", entry, position)
	}
	if err := s.endures(nil); gateway.KindOf(err) != gateway.KindQueueTimeout {
		t.Error(err)
	}
}

// TestSiege_LostEvents: without its event, a head and a body in pieces arrive by the scanner.
func TestSiege_LostEvents(t *testing.T) {
	s := besiege(t)
	defer s.close()
	one := s.submit()
	one.state.Store(stateWord(one.position, 0, stateClaimed))
	one.headLen.Store(0)
	one.status.Store(200)
	one.respLen.Store(^uint64(0))
	one.phase.Store(phaseHead)
	s.q.scanOnce(s.now)
	waitFor(t, "the head", func() bool {
		one.mu.Lock()
		defer one.mu.Unlock()
		return one.step == stepAnswered
	})
	one.respProduced.Store(10)
	var taken atomic.Bool
	go func() { // ends with the body
		waitFor(t, "the piece", func() bool { return one.respConsumed.Load() == 10 })
		taken.Store(true)
	}()
	waitFor(t, "the piece to be taken", func() bool { s.q.scanOnce(s.now); return taken.Load() })
	one.state.Store(stateWord(one.position, 0, stateDone))
	if err := s.endures(nil); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestSiege_HeaderPage: a zygote that starts later reads it.
func TestSiege_HeaderPage(t *testing.T) {
	s := besiege(t)
	defer s.close()
	clean := append([]byte(nil), s.q.mem.data[:hGoAsleep]...)
	for i := range hGoAsleep {
		s.q.mem.data[i] = 0xff
	}
	for word := range idleWords {
		s.q.mem.u64(hIdle + word*8).Store(^uint64(0))
	}
	if !s.q.Mend() || s.q.Mend() {
		t.Error("not mended at once")
	}
	if string(clean) != string(s.q.mem.data[:hGoAsleep]) {
		t.Error("the header page is not what it was")
	}
	if got := s.q.mem.u64(hIdle).Load(); got>>(siegeWorkers*s.q.mem.threads) != 0 {
		t.Errorf("lanes that do not exist sleep: %x", got)
	}
}

// TestSiege_FullEventfd: a worker can fill the eventfd, and make its file block. Nobody in Go may wait for it, and workers
// can wake Go again.
func TestSiege_FullEventfd(t *testing.T) {
	s := besiege(t)
	defer s.close()
	one := s.submit()
	fd := int(s.q.events.event.Fd()) // it blocks from here on, for all who have it
	if _, err := unix.Write(fd, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	one.state.Store(stateWord(one.position, 0, stateClaimed))
	ended := make(chan error)
	go func() { ended <- s.endures(nil) }() // ends in time, or the test fails
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it was answered by nobody")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Go waits for the eventfd")
	}
	state := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(state, 0); n != 1 || err != nil {
		t.Errorf("it is still full: %d, %v", n, err)
	}
}

// TestSiege_FieldsThatFrame: a client that reads as many bytes as Content-Length says, or in chunks that nobody sends, must not
// get those of the next answer on its connection.
func TestSiege_FieldsThatFrame(t *testing.T) {
	for _, test := range []struct {
		field  string
		length int64
		right  bool
	}{
		{"Content-Length: 4", 4, true}, {"content-length:4", 4, true}, {"Content-Length: 10", 4, false}, {"Content-Length: 4", -1, false},
		{"Content-Length: 3", 4, false}, {"Content-Length: 99999999999999999999", 4, false}, {"Content-Language: de", 4, true},
		{"Content-Length:", 0, false}, {"Content-Length: 0", 0, true}, {"Content-Length : 4", 4, false}, {"Content-Length\t: 9", 4, false},
		{"Transfer-Encoding: chunked", 4, false}, {"transfer-encoding:chunked", -1, false}, {"TE: trailers", 4, false}, {"Connection: close", 4, false},
		{"Upgrade: websocket", 4, false}, {"Keep-Alive: timeout=5", 4, false}, {"Proxy-Connection: close", 4, false}, {"Proxy-Status: x", 4, true},
		{"Trailers-Of-Films: many", 4, true}, {"Transfer Encoding: chunked", 4, false}, {"n\xf6: x", 4, false}, {"(x): y", 4, false}, {"X-~!: y", 4, true},
	} {
		s := besiege(t)
		one := s.submit()
		one.headLen.Store(uint32(copy(one.headArea, test.field+"\r\n")))
		one.reasonLen.Store(0)
		one.status.Store(200)
		one.respLen.Store(uint64(test.length))
		one.respProduced.Store(uint64(max(test.length, 0)))
		one.phase.Store(phaseHead)
		one.state.Store(stateWord(one.position, 0, stateDone))
		s.q.handle(one.index)
		err := s.endures(nil)
		if test.right != errors.Is(err, io.EOF) || !test.right && gateway.KindOf(err) != gateway.KindWorkerDied {
			t.Errorf("%s, and %d bytes: %v", test.field, test.length, err)
		}
		s.close()
	}
}
