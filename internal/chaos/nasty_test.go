package chaos

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestChildren is scenario 8: a request leaves 30 descendants behind that keep every descriptor and never end. Its answer
// comes, the worker's death is seen in spite of them, they go with it, and no listener is held by anybody but penknife.
func TestChildren(t *testing.T) {
	a := begin(t, setup{processes: 2})
	answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "nasty.breed?depth=4&").Receive()
	if err != nil || answer.Status != 200 {
		t.Fatalf("%d, %v", answer.Status, err)
	}
	parent, err := strconv.Atoi(answer.Header.Get("X-Pid"))
	if err != nil {
		t.Fatal(err)
	}
	var children []int
	testkit.Eventually(t, 10*time.Second, func() error {
		if children = testkit.Descendants(parent); len(children) < 30 {
			return fmt.Errorf("%d descendants", len(children))
		}
		return nil
	})
	for _, child := range append(children, parent) {
		if held := listening(t, child); len(held) != 0 {
			t.Errorf("process %d of the application holds %d listening sockets", child, len(held))
		}
	}
	a.inject(func() { _ = syscall.Kill(parent, syscall.SIGKILL) })
	back := a.awaitWorkers(t, 2, parent)
	t.Logf("%d descendants; replaced after %v", len(children), back.Round(time.Millisecond))
	if back > time.Second {
		t.Errorf("the death was seen after %v", back)
	}
	a.CheckNobodyLeft(t, children)
	a.recycled(t)
	a.end(t, criterion{
		most: map[string]int{"502": 1, outcomeCut: 1}, back: time.Second, slowest: 3 * time.Second,
		moved: map[string]float64{exitsKilled: 1, starts: 3},
	})
}

// recycled makes a worker leave in peace that has descendants: they go with it.
func (a *arena) recycled(t *testing.T) {
	t.Helper()
	answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "nasty.breed?depth=2&").Receive()
	parent, _ := strconv.Atoi(answer.Header.Get("X-Pid"))
	if err != nil || answer.Status != 200 || parent == 0 {
		t.Fatalf("%d, %v", answer.Status, err)
	}
	var children []int
	testkit.Eventually(t, 10*time.Second, func() error {
		if children = testkit.Descendants(parent); len(children) < 6 {
			return fmt.Errorf("%d descendants", len(children))
		}
		return nil
	})
	if code, output := a.reload(t); code != 0 {
		t.Errorf("the reload: %d %s", code, output)
	}
	testkit.Eventually(t, 10*time.Second, func() error { return a.grew("penknife_worker_exits_total", 3) })
	a.CheckNobodyLeft(t, append(children, parent))
}

// TestDescriptors is scenarios 9 and 10: a worker closes all its descriptors, writes garbage to all of them, penknife's own
// sockets included, or sends the messages that it could send with contents that are wrong. Only that worker may be lost, with
// what it holds; what it writes to its streams does not fill the log.
func TestDescriptors(t *testing.T) {
	t.Parallel() // it waits most of the time
	ways := []string{"lie_on_channel?x=1&", "garbage?times=20&", "stuff_eventfd?x=1&", "lie?seed=1&", "lie?seed=2&", "lie?seed=3&", "close_all?x=1&"}
	for _, way := range ways[:rounds(2, len(ways))] {
		name, _, _ := strings.Cut(way, "?")
		t.Run(name, func(t *testing.T) {
			a := begin(t, setup{processes: 3, threads: 2})
			logged, memory := len(a.Output()), testkit.RSS(t, a.PID())
			a.inject(func() {
				answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "nasty."+way).Receive()
				if err != nil || answer.Status != 200 && answer.Status != 502 {
					t.Errorf("%d, %v", answer.Status, err)
				}
			})
			a.awaitWorkers(t, 3)
			a.answers(t, time.Now(), 30, 20*time.Second)
			if grown := testkit.RSS(t, a.PID()) - memory; grown > 64<<20 {
				t.Errorf("memory grew by %d MiB", grown>>20)
			}
			if n := len(a.Output()) - logged; n > 4<<20 {
				t.Errorf("%d bytes of log", n)
			}
			died := 0.0
			for series, value := range a.scrape(t) {
				if strings.HasPrefix(series, "penknife_worker_exits_total{") {
					died += value - a.series[series]
				}
			}
			t.Logf("%v workers died, %d bytes of log", died, len(a.Output())-logged)
			if died > 1 {
				t.Errorf("%v workers died", died)
			}
			a.end(t, criterion{most: map[string]int{"502": 2, outcomeCut: 2}, back: 3 * time.Second, slowest: 5 * time.Second})
		})
	}
}

// TestSurroundings: an application changes its directory and umask and ignores all signals. Nobody notices, and a reload
// replaces it as always.
func TestSurroundings(t *testing.T) {
	if !thorough(t) {
		return
	}
	a := begin(t, setup{processes: 2})
	a.inject(func() {
		for range 4 {
			if answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "nasty.surroundings?x=1&").Receive(); err != nil || answer.Status != 200 {
				t.Errorf("%d, %v", answer.Status, err)
			}
		}
		if code, output := a.reload(t); code != 0 {
			t.Errorf("the reload: %d %s", code, output)
		}
	})
	a.end(t, criterion{slowest: 5 * time.Second, moved: map[string]float64{starts: 2}})
}

// TestSocketFileRemoved: an application removes the file of a listening socket. Who is connected and all other listeners go
// on; who comes by that file is refused, since penknife makes no file anew that somebody removed.
func TestSocketFileRemoved(t *testing.T) {
	if !thorough(t) {
		return
	}
	a := begin(t, setup{processes: 2})
	a.inject(func() {
		path := "nasty.unlink?path=" + url.QueryEscape(a.Uwsgi) + "&"
		if answer, err := a.order(t, testkit.HTTPClient(a.HTTP), path).Receive(); err != nil || answer.Status != 200 {
			t.Errorf("%d, %v", answer.Status, err)
		}
	})
	testkit.Eventually(t, 10*time.Second, func() error {
		if a.load.ledger.outcomes()[outcomeRefused] == 0 {
			return errors.New("nobody was refused")
		}
		return nil
	})
	a.end(t, criterion{lost: []string{"uwsgi", "nginx"}, slowest: 3 * time.Second, moved: map[string]float64{starts: 0}})
}
