package workers

import (
	"maps"
	"slices"
	"time"
)

// view is what others may see of a generation, replaced as a whole.
type view struct {
	snapshot Snapshot
	ready    int
	failure  *StartError   // why a worker of the new generation of a rolling reload did not get ready
	outdated chan struct{} // closed when there is a newer one
}

func newView() *view { return &view{outdated: make(chan struct{})} }

// loops tells whether nobody serves and the next worker may be long in coming.
func (v *view) loops() bool { return v.ready == 0 && v.snapshot.CrashLoop }

// publish lets others see what has changed.
func (s *supervisor) publish() {
	if !s.dirty {
		return
	}
	s.dirty = false
	v := newView()
	v.snapshot = Snapshot{Generation: s.generation, Python: s.zygote.version, ZygotePID: s.zygote.pid, Scaling: s.scaled()}
	v.snapshot.Retired = maps.Clone(s.retired)
	v.snapshot.RetryAt, v.snapshot.CrashLoop = s.crashLoop()
	for _, w := range s.workers {
		v.snapshot.Workers = append(v.snapshot.Workers, WorkerStatus{
			Index: w.index, PID: w.pid, State: w.state, Reason: w.reason, Started: w.started,
		})
	}
	v.ready, v.failure = s.serving(), s.failure
	close(s.view.Swap(v).outdated)
	s.refuse(v)
}

// crashLoop tells whether the application keeps failing, and when the next process may be started.
func (s *supervisor) crashLoop() (next time.Time, looping bool) {
	if !s.zygote.exists() && s.zygote.crash.looping() {
		return s.zygote.crash.next, true
	}
	if s.crash.looping() && s.short() {
		return s.crash.next, true
	}
	return time.Time{}, false
}

// short tells whether a worker is missing, or a successor of one that has reached a limit.
func (s *supervisor) short() bool {
	return s.count(Ready) < s.target() || slices.ContainsFunc(s.workers, func(w *worker) bool { return w.state == Ready && w.enough != 0 })
}

// refuse lets nobody wait in the queue while there is no worker and the next one may be long in coming.
func (s *supervisor) refuse(v *view) {
	refuses := s.phase == phaseRunning && v.loops()
	if refuses {
		s.lanes.Refuse(crashLoop(v.snapshot.RetryAt))
	} else if s.refuses {
		s.lanes.Refuse(nil)
	}
	s.refuses = refuses
}
