package workers

import (
	"errors"
	"log/slog"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"penknife/gateway"
	"penknife/workers/link"
)

// fakeWorld is launcher and queue of a supervisor that runs in a synctest bubble. Its fields may be touched by the
// test after synctest.Wait, when the supervisor sleeps.
type fakeWorld struct {
	*supervisor
	zygotes, stops, kills int
	zygoteSilent          bool  // never gets ready
	zygoteError           error // startZygote fails
	spawnError            error // spawn does
	ordered               []*fakeWorker
	behave                func(*fakeWorker) // what a new worker does; nil: gets ready
	busy                  map[int]int
	waiting               int
	served                map[int]uint64
	pids                  []int         // that the queue was told
	size                  int64         // of every worker
	looks                 int           // at their memory
	cpu                   time.Duration // of every worker
	clocks                int           // looks at it
	obeys                 bool          // workers that are told to leave do
	immortal              bool          // SIGKILL has no effect
	told                  []int
	forsaken              []int
	died                  map[int][]string
	refusal               *gateway.Error // what the queue was told last
	refusals              int
	dump                  string // of every worker's stacks
	cameBack              map[link.Claim]bool
	interrupted           []link.Claim
}

type fakeWorker struct {
	strict    bool
	world     *fakeWorld
	birth     uint64
	index     int
	at        time.Time
	abandoned bool
	adopted   bool
	killed    bool
	signals   []syscall.Signal
}

var errFake = errors.New("no processes left")

func (f *fakeWorld) startZygote(number uint64) (int, error) {
	f.zygotes++
	if f.zygoteError != nil {
		return 0, f.zygoteError
	}
	f.mail.put(zygoteBegun{number})
	if !f.zygoteSilent {
		f.mail.put(zygoteReady{zygote: number, version: "3.12.1"})
	}
	return 100 + int(number), nil
}

func (f *fakeWorld) stopZygote() { f.stops++; f.zygoteEnds(exit{ExitClean, "exited with status 0"}) }
func (f *fakeWorld) killZygote() { f.kills++; f.zygoteEnds(exit{ExitKilled, "killed by SIGKILL"}) }

func (f *fakeWorld) zygoteEnds(e exit) {
	f.mail.put(zygoteExited{zygote: f.zygote.number, exit: e, tail: "last words"})
}

func (f *fakeWorld) spawn(birth uint64, index int, strict bool) (workerHandle, error) {
	w := &fakeWorker{world: f, strict: strict, birth: birth, index: index, at: time.Now()}
	f.ordered = append(f.ordered, w)
	if f.spawnError != nil {
		return nil, f.spawnError
	}
	if f.behave == nil {
		w.spawned()
		w.ready()
	} else {
		f.behave(w)
	}
	return w, nil
}

func (w *fakeWorker) spawned()     { w.world.mail.put(spawned{w.birth, 1000 + int(w.birth)}) }
func (w *fakeWorker) ready()       { w.world.mail.put(workerReady{w.birth}) }
func (w *fakeWorker) exits(e exit) { w.world.mail.put(workerExited{w.birth, e}) }

func (w *fakeWorker) adopt(int) error              { w.adopted = true; return nil }
func (w *fakeWorker) abandon()                     { w.abandoned = true }
func (w *fakeWorker) signal(number syscall.Signal) { w.signals = append(w.signals, number) }
func (w *fakeWorker) stacks(tell func(string))     { w.signal(stackSignal); tell(w.world.dump) }
func (w *fakeWorker) kill() {
	if w.killed || w.world.immortal {
		return
	}
	w.killed = true
	w.exits(exit{ExitKilled, "killed by SIGKILL"})
}

func (w *fakeWorker) cpuTime() time.Duration { w.world.clocks++; return w.world.cpu }

func (w *fakeWorker) memory() int64 { w.world.looks++; return w.world.size }

func (f *fakeWorld) WorkerStarting(index int) { delete(f.served, index) }
func (f *fakeWorld) WorkerIs(index, pid int)  { f.pids = append(f.pids, pid) }
func (f *fakeWorld) StopWorker(index int) {
	f.told = append(f.told, index)
	if f.obeys {
		f.mail.put(workerExited{f.byIndex(index).birth, exit{ExitClean, "exited with status 0"}})
	}
}
func (f *fakeWorld) WorkerDied(index int, cause string) int {
	f.died[index] = append(f.died[index], cause)
	return 0
}
func (f *fakeWorld) Forsake(index int, _ string) int {
	f.forsaken = append(f.forsaken, index)
	return 0
}
func (f *fakeWorld) Busy(index int) int      { return f.busy[index] }
func (f *fakeWorld) Served(index int) uint64 { return f.served[index] }

func (f *fakeWorld) Census(held []int) int {
	for i := range held {
		held[i] = f.busy[i]
	}
	return f.waiting
}

func (f *fakeWorld) Holds(c link.Claim) bool { return !f.cameBack[c] }
func (f *fakeWorld) Interrupt(c link.Claim) bool {
	f.interrupted = append(f.interrupted, c)
	return !f.cameBack[c]
}

func (f *fakeWorld) Refuse(err *gateway.Error) { f.refusal, f.refusals = err, f.refusals+1 }

const fakeProcesses = 2

// inBubble runs a test with a supervisor of two workers in virtual time. prepare may change the world before the
// start; the supervisor is stopped at the end, if the test has not done it.
func inBubble(t *testing.T, prepare func(*fakeWorld), test func(*testing.T, *fakeWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeWorld{obeys: true, busy: map[int]int{}, died: map[int][]string{}, served: map[int]uint64{}, cameBack: map[link.Claim]bool{}}
		f.supervisor = newSupervisor(supervisorConfig{
			generation: 1, wanted: fakeProcesses, configured: fakeProcesses, mode: ScaleFixed,
			bounds: bounds{1, 4 * fakeProcesses, "workers.max_processes"}, auto: autoscaler{mode: ScaleFixed}, threads: 1, indexes: 2*fakeProcesses + 2, startTimeout: time.Minute,
			log: slog.New(slog.DiscardHandler), counters: noCounters{},
		}, f, f, newMailbox())
		if prepare != nil {
			prepare(f)
		}
		go f.run() // ended below
		synctest.Wait()
		test(t, f)
		f.immortal = false
		f.mail.put(stop{time.Now()})
		<-f.done
	})
}

// pass lets virtual time go by. The supervisor is woken first, so that it sees what the test has changed.
func (f *fakeWorld) pass(d time.Duration) {
	f.mail.put(notSpawned{}) // of nobody
	<-time.After(d)
	synctest.Wait()
}

// living are the births of the workers that the supervisor has, by state.
func (f *fakeWorld) living(state State) (births []uint64) {
	for _, w := range f.workers {
		if w.state == state {
			births = append(births, w.birth)
		}
	}
	return births
}

// die ends a living worker, as its process would.
func (f *fakeWorld) die(birth uint64, e exit) {
	f.mail.put(workerExited{birth, e})
	synctest.Wait()
}
