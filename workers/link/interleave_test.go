//go:build interleave

package link

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/internal/interleave"
	"penknife/internal/interleave/native"
)

// quiet judges when nobody can go on. First everything that was asked must be done; then the end of the queue.
func (m *model) quiet(round int) bool {
	if round > 0 {
		if m.procs != nil {
			m.x.Failf("the queue's end is not reached")
		}
		m.judgeSlots()
		return false
	}
	for _, c := range m.clients {
		m.judge(c)
	}
	if m.busy != 0 {
		m.x.Failf("%d threads did not come to their end", m.busy)
	}
	m.q.ring.skipDead() // a cancelled request stays in its cell until a lane looks
	if m.q.InFlight() != 0 || !m.q.ring.empty() || m.q.events.any() && !m.closed {
		m.x.Failf("left: %d in flight, ring empty %v, event bits %v", m.q.InFlight(), m.q.ring.empty(), m.q.events.any())
	}
	for _, p := range m.procs {
		if !p.Asleep() {
			m.x.Failf("a lane neither sleeps nor has ended")
		}
	}
	if len(m.hostile) > 0 {
		m.x.Failf("a worker was accused: %v", m.hostile)
	}
	if m.ends && !m.closed {
		m.x.Go("end", m.finish)
	}
	m.judgeSlots()
	return m.ends && !m.closed
}

// judge checks what came of a request.
func (m *model) judge(c *client) {
	if !c.over || c.outcomes != 1 {
		m.x.Failf("request %d is not over (%d outcomes): a wake-up was lost", c.id, c.outcomes)
		return
	}
	if c.body != nil && c.released != 1 {
		m.x.Failf("request %d: its spool was released %d times", c.id, c.released)
	}
	kind := gateway.KindOf(c.err)
	switch {
	case c.err == nil:
		m.judgeAnswer(c)
	case kind == gateway.KindApp && c.app == native.AppRaise, kind == gateway.KindAppCut && c.app == native.AppCut:
		if !bytes.Equal(c.got, c.want()[:len(c.got)]) || c.begun != 1 {
			m.x.Failf("request %d: got %x before the end", c.id, c.got)
		}
	case kind == gateway.KindApp && c.interrupted == 1:
	case kind == gateway.KindWorkerDied && m.killed:
		if !bytes.HasPrefix(c.want(), c.got) || c.complete {
			m.x.Failf("request %d: got %x before its worker died", c.id, c.got)
		}
	case kind == gateway.KindRequestTimeout && m.ticks > 0:
	case errors.Is(c.err, ErrClosed), kind == gateway.KindUnavailable, kind == gateway.KindQueueTimeout && m.ticks > 0,
		kind == gateway.KindOverloaded && !strings.Contains(c.err.Error(), "ring"):
		if c.begun != 0 {
			m.x.Failf("request %d was refused (%v), and the application had it", c.id, c.err)
		}
	default:
		m.x.Failf("request %d failed: %v", c.id, c.err)
	}
}

// noteComplete remembers the answers that were complete when worker 0 died: they must be delivered.
func (m *model) noteComplete() {
	for slot := range m.q.slots.count {
		at := m.q.mem.offSlots + slot*slotSize
		_, lane, state := splitState(m.raw(at + sState))
		for _, c := range m.clients {
			if c.id == m.raw(at+sRequestID) && state == stateDone && lane%m.workers == 0 && lane >= 0 {
				c.complete = true
			}
		}
	}
}

func (m *model) judgeAnswer(c *client) {
	if c.begun != 1 || c.app == native.AppRaise || c.app == native.AppCut && !c.leaves {
		m.x.Failf("request %d was answered, and the application had it %d times", c.id, c.begun)
	}
	if !c.leaves && !bytes.Equal(c.got, c.want()) {
		m.x.Failf("request %d: got %x, want %x", c.id, c.got, c.want())
	}
}

// finish is the end of a generation.
func (m *model) finish() {
	for worker, p := range m.procs {
		m.q.StopWorker(worker)
		p.AwaitExit()
		m.q.WorkerDied(worker, "left")
	}
	if err := m.q.Shutdown(background()); err != nil {
		m.x.Failf("shutdown: %v", err)
	}
	m.procs, m.closed = nil, true
}

func (m *model) judgeSlots() {
	for s := range m.q.slots.made() {
		if s.step != stepIdle {
			m.x.Failf("slot %d is %s, and nobody has it", s.index, s.step)
		}
	}
}

// setting gives a number from the environment, with which package interleave starts this.
func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestInterleavings explores the plans. package interleave builds and starts it.
func TestInterleavings(t *testing.T) {
	for index, path := range strings.Split(os.Getenv("PENKNIFE_WORKERS"), ",") {
		w, err := native.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		processes = append(processes, interleave.NewProcess(w, index))
	}
	all := interleave.Limits{Executions: setting("PENKNIFE_EXECUTIONS", 1000), Time: time.Duration(setting("PENKNIFE_SECONDS", 60)) * time.Second}
	random := interleave.Limits{Executions: setting("PENKNIFE_RANDOM", 0), Time: all.Time, Random: 1}
	explored, steps := 0, 0
	only := os.Getenv("PENKNIFE_PLAN")
	for _, p := range plans() {
		if only != "" && p.name != only {
			continue
		}
		result := interleave.Explore(p.scenario(), all)
		if result.Failure == nil && !result.Whole && random.Executions > 0 {
			result = result.And(interleave.Explore(p.scenario(), random))
		}
		explored, steps = explored+result.Executions+result.Random, steps+result.Steps
		t.Logf("%-42s %s", p.name, result)
		if result.Failure != nil {
			t.Errorf("%s: %v\n%s", p.name, result.Failure, result.Trace)
		}
	}
	t.Logf("%d scenarios, %d interleavings, %d steps", len(plans()), explored, steps)
}
