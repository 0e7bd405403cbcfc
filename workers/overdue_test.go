package workers

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"penknife/gateway"
	"penknife/internal/testkit"
	"penknife/workers/link"
)

// outcomes counts what became of overdue requests.
type outcomes struct {
	noCounters
	mu   sync.Mutex
	list []string
	slow int
}

func (o *outcomes) OverdueEnded(outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, outcome)
}

func (o *outcomes) RequestSlow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.slow++
}

func (o *outcomes) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list)
}

const testGrace = 3 * time.Second

// inInterruptBubble is inBubble with interruption, a log and counters.
func inInterruptBubble(t *testing.T, test func(*testing.T, *fakeWorld, *outcomes, *bytes.Buffer)) {
	t.Helper()
	counted, log := &outcomes{}, &bytes.Buffer{}
	inBubble(t, func(f *fakeWorld) {
		f.obeys, f.interrupt, f.counters = false, testGrace, counted
		f.log = slog.New(slog.NewTextHandler(log, nil))
		f.busy[0] = 1
	}, func(t *testing.T, f *fakeWorld) { test(t, f, counted, log) })
}

func claimed(slot int) link.Overdue {
	return link.Overdue{RequestID: uint64(slot), Method: "GET", Target: "/x", Claim: link.Claim{Slot: slot}}
}

func TestOverdue_AWorkerThatGivesWayLivesOn(t *testing.T) {
	inInterruptBubble(t, func(t *testing.T, f *fakeWorld, counted *outcomes, log *bytes.Buffer) {
		request := claimed(3)
		f.mail.put(overdue{0, request})
		synctest.Wait()
		w := f.ordered[0]
		if !slices.Equal(w.signals, []syscall.Signal{stackSignal, interruptSignal}) {
			t.Errorf("signals %v, want the stacks and then the interruption", w.signals)
		}
		f.cameBack[request.Claim] = true
		f.pass(interruptCheck)
		if got := counted.all(); !slices.Equal(got, []string{"interrupted"}) {
			t.Errorf("outcomes %v\n%s", got, log)
		}
		f.pass(time.Minute)
		if w.killed || len(f.told) > 0 || len(f.ordered) != 2 {
			t.Errorf("killed %v, told to leave %v, %d workers", w.killed, f.told, len(f.ordered))
		}
		if !f.wake.IsZero() {
			t.Errorf("will wake up at %v", f.wake)
		}
	})
}

func TestOverdue_AWorkerThatDoesNotIsReplaced(t *testing.T) {
	inInterruptBubble(t, func(t *testing.T, f *fakeWorld, counted *outcomes, log *bytes.Buffer) {
		f.mail.put(overdue{0, claimed(3)})
		f.pass(testGrace - time.Millisecond)
		w := f.ordered[0]
		if len(f.told) > 0 || w.killed {
			t.Error("given up before its time")
		}
		if n := len(w.signals); n < 5 {
			t.Errorf("%d signals: one that came at a bad moment is not repeated", n)
		}
		f.pass(2 * overdueCheck)
		if !w.killed || len(f.living(Ready)) != 2 {
			t.Errorf("killed %v, ready %v", w.killed, f.living(Ready))
		}
		if got := counted.all(); !slices.Equal(got, []string{"replaced"}) {
			t.Errorf("outcomes %v\n%s", got, log)
		}
		if !strings.Contains(log.String(), "did not give way") || f.crash.rounds != 0 {
			t.Errorf("rounds %d\n%s", f.crash.rounds, log)
		}
	})
}

// TestOverdue_OthersOfTheWorkerEnd: a worker that is given up for one request finishes the others, also one that was
// interrupted later.
// A worker that cannot take anything has a successor, and is not counted, while its grace lasts. Whether it comes back
// after all decides who is too many.
func TestOverdue_AWorkerThatIsBlockedHasASuccessor(t *testing.T) {
	for _, comesBack := range []bool{true, false} {
		inInterruptBubble(t, func(t *testing.T, f *fakeWorld, counted *outcomes, log *bytes.Buffer) {
			request := claimed(3)
			f.behave = func(w *fakeWorker) { w.spawned() }
			f.mail.put(overdue{0, request})
			f.pass(blockedAfter - overdueCheck)
			if n := f.view.Load().ready; n != fakeProcesses || len(f.ordered) != fakeProcesses {
				t.Errorf("before its time %d count as ready, %d were ordered", n, len(f.ordered))
			}
			f.pass(2 * overdueCheck)
			if n := f.view.Load().ready; n != fakeProcesses-1 || len(f.ordered) != fakeProcesses+1 {
				t.Fatalf("%d count as ready, %d were ordered", n, len(f.ordered))
			}
			f.ordered[fakeProcesses].ready()
			synctest.Wait()
			if n := f.view.Load().ready; n != fakeProcesses || len(f.told) != 0 || f.ordered[0].killed {
				t.Errorf("%d count as ready, told to leave %v, killed %v", n, f.told, f.ordered[0].killed)
			}
			f.cameBack[request.Claim] = comesBack
			f.pass(testGrace)
			if n := f.view.Load().ready; n != fakeProcesses || f.ordered[0].killed == comesBack || len(f.ordered) != fakeProcesses+1 {
				t.Errorf("came back %v: %d count as ready, killed %v, %d were ordered\n%s", comesBack, n, f.ordered[0].killed,
					len(f.ordered), log)
			}
			leaves := map[bool]int{true: fakeProcesses, false: 0} // the newest, or the one that is lost
			if !slices.Equal(f.told, []int{leaves[comesBack]}) {
				t.Errorf("came back %v: told to leave: %v", comesBack, f.told)
			}
		})
	}
}

func TestOverdue_OthersOfTheWorkerEnd(t *testing.T) {
	inInterruptBubble(t, func(t *testing.T, f *fakeWorld, counted *outcomes, log *bytes.Buffer) {
		f.busy[0] = 3
		f.mail.put(overdue{0, claimed(3)})
		f.pass(testGrace - time.Second)
		late := claimed(4)
		late.Thread = 1
		f.mail.put(overdue{0, late})
		f.pass(2 * time.Second)
		if w := f.ordered[0]; w.killed || !slices.Equal(f.told, []int{0}) {
			t.Errorf("killed %v, told to leave %v", w.killed, f.told)
		}
		f.cameBack[late.Claim], f.busy[0] = true, 1
		f.pass(2 * overdueCheck)
		if w := f.ordered[0]; !w.killed {
			t.Error("not killed with nothing but the lost request left")
		}
		if got := counted.all(); !slices.Equal(got, []string{"interrupted", "replaced"}) {
			t.Errorf("outcomes %v\n%s", got, log)
		}
	})
}

func TestOverdue_WhatReturnsByItselfIsNotCalledInterrupted(t *testing.T) {
	inInterruptBubble(t, func(t *testing.T, f *fakeWorld, counted *outcomes, _ *bytes.Buffer) {
		request := claimed(3)
		f.cameBack[request.Claim] = true
		f.mail.put(overdue{0, request})
		f.pass(time.Second)
		if got := counted.all(); !slices.Equal(got, []string{"returned"}) {
			t.Errorf("outcomes %v", got)
		}
	})
}

// TestSlow_LooksAtAWorkersStacksNowAndThen: each look stops all its threads.
func TestSlow_LooksAtAWorkersStacksNowAndThen(t *testing.T) {
	inInterruptBubble(t, func(t *testing.T, f *fakeWorld, counted *outcomes, log *bytes.Buffer) {
		for range 5 {
			f.mail.put(slow{0, claimed(3)})
		}
		synctest.Wait()
		f.pass(slowDumps)
		f.mail.put(slow{0, claimed(4)})
		synctest.Wait()
		if n := len(f.ordered[0].signals); n != 2 || counted.slow != 6 {
			t.Errorf("%d dumps, %d counted", n, counted.slow)
		}
		if n := strings.Count(log.String(), "slow request"); n != 6 {
			t.Errorf("%d records\n%s", n, log)
		}
	})
}

func TestOutcomeNames(t *testing.T) {
	for o := OutcomeReturned; o <= OutcomeReplaced; o++ {
		if o.String() == "" || o.String() == "unknown" {
			t.Errorf("outcome %d has no name", o)
		}
	}
	if Outcome(0).String() != "unknown" || Outcome(9).String() != "unknown" {
		t.Error("an outcome outside the table must be unknown")
	}
}

// TestStackOf_ReadsWhatInterpretersWrite: testdata/stacks has what CPython 3.10 to 3.13 wrote for the same program, and
// the thread's number in the first line.
func TestStackOf_ReadsWhatInterpretersWrite(t *testing.T) {
	files, err := filepath.Glob("testdata/stacks/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, dump, _ := strings.Cut(string(text), "\n")
		thread := parseHex(t, first)
		const want = "inner (/srv/app/views.py:6) < view (/srv/app/views.py:8)"
		if got := stackOf(dump, thread); got != want {
			t.Errorf("%s: %q", file, got)
		}
		if got := stackOf(dump, thread+1); got != "" {
			t.Errorf("%s: %q for a thread that is not there", file, got)
		}
	}
}

func parseHex(t *testing.T, text string) (n uint64) {
	t.Helper()
	for _, c := range text {
		digit := strings.IndexRune("0123456789abcdef", c)
		if digit < 0 {
			t.Fatalf("%q", text)
		}
		n = n<<4 | uint64(digit)
	}
	return n
}

func TestStackOf_IsBounded(t *testing.T) {
	head := "Thread 0x00000000000000ff (most recent call first):\n"
	deep := head + strings.Repeat("  File \"/a.py\", line 1 in f\n", 1000)
	if got := stackOf(deep, 255); strings.Count(got, "<") != stackFrames || !strings.HasSuffix(got, " < ...") {
		t.Errorf("%q", got)
	}
	main := head + "  File \"/a.py\", line 1 in f\n  File \"<string>\", line 1 in <module>\n"
	if got := stackOf(main, 255); got != "f (/a.py:1)" {
		t.Errorf("%q", got)
	}
	wide := head + strings.Repeat("  File \"/"+strings.Repeat("x", 3000)+"\", line 1 in f\n", 20)
	if got := stackOf(wide, 255); len(got) > 3*stackLine {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzStackOf(f *testing.F) {
	f.Add("Current thread 0x00000000000000ff (most recent call first):\n  File \"/a.py\", line 1 in f\n", uint64(255))
	f.Add("Thread 0x00000000000000ff", uint64(255))
	f.Add("Thread 0x00000000000000ff\n  File \"", uint64(255))
	f.Fuzz(func(t *testing.T, dump string, thread uint64) {
		if got := stackOf(dump, thread); len(got) > len(dump)+2*stackLine || strings.Contains(got, "\n") {
			t.Errorf("%q", got)
		}
	})
}

func interruptConfig(t *testing.T, threads int) Config {
	c := testConfig(t)
	c.Workers.Threads, c.Workers.RequestTimeout = threads, 500*time.Millisecond
	c.Workers.Interrupt, c.Workers.InterruptGrace = true, 15*time.Second
	return c
}

// TestInterrupt_EveryInterpreter: the worker that hung answers the next request, and the log has it all.
func TestInterrupt_EveryInterpreter(t *testing.T) {
	t.Parallel()
	for _, interpreter := range testkit.Interpreters(t) {
		for _, threads := range []int{1, 3} {
			t.Run(interpreter.Version, func(t *testing.T) {
				t.Parallel()
				c := interruptConfig(t, threads)
				c.App.Python = interpreter.Path
				c.Workers.Processes.Min, c.Workers.Processes.Max = 1, 1
				m := startManager(t, c)
				pid := m.get(t, "/pid")
				var all sync.WaitGroup
				for range threads {
					all.Go(func() { // ends with the request
						if _, err := m.send(t, request(t, "/spin")); gateway.KindOf(err) != gateway.KindRequestTimeout {
							t.Error(err)
						}
					})
				}
				all.Wait()
				m.fails(t, "/spin", gateway.KindRequestTimeout)
				testkit.Eventually(t, 10*time.Second, func() error {
					return m.log.contains("request timeout", "outcome=interrupted")
				})
				if got := m.get(t, "/pid"); got != pid {
					t.Errorf("pid %s, was %s", got, pid)
				}
				for _, line := range [][]string{
					{"request timeout", "stack=\"spin (", "target=/spin", "age=", "request=7", "pid=" + pid},
					{"stacks of all threads", "spin"},
					{"penknife.RequestTimeout"},
				} {
					if err := m.log.contains(line...); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestInterrupt_StubbornApplication: it catches everything, so its worker has to go, and another takes over.
func TestInterrupt_StubbornApplication(t *testing.T) {
	t.Parallel()
	c := interruptConfig(t, 1)
	c.Workers.InterruptGrace = 300 * time.Millisecond
	m := startManager(t, c)
	m.fails(t, "/stubborn", gateway.KindRequestTimeout)
	testkit.Eventually(t, 10*time.Second, func() error { return m.log.contains("did not give way") })
	testkit.Eventually(t, 10*time.Second, func() error { return m.log.contains("outcome=replaced") })
	testkit.Eventually(t, 10*time.Second, m.ready(2))
	m.get(t, "/pid")
}

// TestSlow_HasItsRecordWhileItRuns, with the place in the code.
func TestSlow_HasItsRecordWhileItRuns(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Log.Slow = 100 * time.Millisecond
	m := startManager(t, c)
	req, ended := request(t, "/hang?a=b"), make(chan error, 1)
	go func() { // ends with the worker
		_, err := m.send(t, req)
		ended <- err
	}()
	testkit.Eventually(t, 10*time.Second, func() error {
		return m.log.contains("slow request", "stack=\"hang (", "target=\"/hang?a=b\"", "method=GET", "age=", "worker=")
	})
	if len(ended) > 0 {
		t.Error("it is over")
	}
	for _, w := range m.Snapshot().Workers {
		_ = syscall.Kill(w.PID, syscall.SIGKILL)
	}
	if err := <-ended; err == nil {
		t.Error(errors.New("an answer"))
	}
}
