package chaos

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// scribbling is one way to write over the memory that all workers of a generation share.
type scribbling struct {
	part, value string
	times       int  // each 10 ms
	reload      bool // in the middle of it
	short       bool // it is in the short form, too
	// harmless: no request may fail by it. Else those in flight may, and workers may be replaced.
	harmless bool
	// spoils: what is written over can be the words of a request or an answer itself, and nobody can know.
	spoils bool
}

func scribblings() []scribbling {
	return []scribbling{
		{part: "ring", value: "zeros", harmless: true}, {part: "ring", value: "ones", harmless: true},
		{part: "ring", value: "random", harmless: true}, {part: "ends", value: "ones", harmless: true},
		{part: "ends", value: "zeros", harmless: true}, {part: "events", value: "zeros", harmless: true},
		{part: "events", value: "ones", harmless: true}, {part: "idle", value: "zeros", harmless: true},
		{part: "idle", value: "ones", harmless: true}, {part: "asleep", value: "zeros", harmless: true},
		{part: "constants", value: "ones", harmless: true}, {part: "header", value: "zeros", harmless: true},
		{part: "lanes", value: "random"}, {part: "workers", value: "ones"},
		{part: "slots", value: "zeros", spoils: true}, {part: "slots", value: "ones", spoils: true},
		{part: "slots", value: "random", spoils: true}, {part: "control", value: "random", spoils: true},
		{part: "all", value: "zeros", spoils: true}, {part: "all", value: "ones", spoils: true},
		{part: "all", value: "random", spoils: true},
		{part: "events", value: "zeros", times: 100, harmless: true}, {part: "idle", value: "zeros", times: 100, harmless: true},
		{part: "ring", value: "random", times: 100}, {part: "slots", value: "random", times: 100, spoils: true},
		{part: "all", value: "random", times: 100, spoils: true, short: true},
		{part: "ring", value: "ones", times: 100, reload: true}, {part: "slots", value: "ones", times: 100, spoils: true, reload: true},
		{part: "control", value: "random", times: 100, spoils: true, reload: true},
	}
}

// TestScribbledMemory: a worker writes over the memory of the queue. Whatever it writes, no request takes longer than its
// time limits, no slot, descriptor or process is lost, no client gets the answer of another, and service is back. What holds
// no request's own words costs no request at all when it happens once.
func TestScribbledMemory(t *testing.T) {
	t.Parallel() // it waits most of the time
	for _, s := range scribblings() {
		if s.short || *full {
			t.Run(fmt.Sprintf("%s %s %d", s.part, s.value, max(s.times, 1)), func(t *testing.T) { endure(t, s) })
		}
	}
}

func endure(t *testing.T, s scribbling) {
	a := begin(t, setup{processes: 2, threads: 2,
		config: "workers: {request_timeout: 3s, queue_timeout: 3s, interrupt: false, grace_period: 5s}\n"})
	call := fmt.Sprintf("scribble.scribble?part=%s&value=%s&times=%d&", s.part, s.value, max(s.times, 1))
	a.inject(func() {
		exchange := a.order(t, testkit.HTTPClient(a.HTTP), call)
		if s.reload {
			a.reload(t)
		}
		answer, err := exchange.Receive()
		if s.harmless && (err != nil || answer.Status != 200) {
			t.Errorf("the request that scribbled: %d, %v", answer.Status, err)
		}
	})
	// Everything at once: the limits for the queue and the application, and a grace for the other requests of a worker that is
	// given up (5 s).
	c := criterion{back: 3 * time.Second, slowest: 8 * time.Second}
	if !s.harmless {
		c.most = map[string]int{"502": 60, "503": 400, "504": 20, outcomeCut: 60, outcomeClosed: 0}
		c.unblamed = true
	}
	if s.spoils {
		c.most[outcomeWrong], c.most["500"] = 20, 20
	}
	a.end(t, c)
}

// TestScribbledHeaderAtARespawn: a worker goes on writing over the header page while the zygote is killed and workers are, so that
// new processes come to a page without sense. They know from penknife how large everything is: they start, and serve.
func TestScribbledHeaderAtARespawn(t *testing.T) {
	t.Parallel() // it waits most of the time
	a := begin(t, setup{processes: 2, threads: 2,
		config: "workers: {request_timeout: 3s, queue_timeout: 3s, interrupt: false, grace_period: 5s}\n"})
	zygote := a.status(t).Current.ZygotePID
	a.inject(func() {
		answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "scribble.scribble?part=constants&value=random&times=300&").Receive()
		if err != nil || answer.Status != 200 {
			t.Errorf("the request that scribbled: %d, %v", answer.Status, err)
		}
		_ = syscall.Kill(zygote, syscall.SIGKILL)
	})
	testkit.Eventually(t, 10*time.Second, func() error {
		if now := a.status(t).Current; now.ZygotePID == 0 || now.ZygotePID == zygote {
			return errNotYet
		}
		return a.grew(starts, 2)
	})
	a.awaitWorkers(t, 2)
	if strings.Contains(a.Output(), "the queue's memory") || strings.Count(a.Output(), "zygote died") > 1 {
		t.Error("a process has believed the header page")
	}
	a.end(t, criterion{back: time.Since(a.fault) + 3*time.Second, slowest: 8 * time.Second, unblamed: true,
		most: map[string]int{"502": 60, "503": 400, "504": 20, outcomeCut: 60}})
}
