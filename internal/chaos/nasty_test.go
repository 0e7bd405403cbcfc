package chaos

import (
	"errors"
	"fmt"
	"net/url"
	"os"
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
	for _, child := range children[:1] {
		if held := listeners(t, child); held != 0 {
			t.Errorf("a child of the application holds %d listening sockets", held)
		}
	}
	a.inject(func() { _ = syscall.Kill(parent, syscall.SIGKILL) })
	t.Logf("%d descendants; replaced after %v", len(children), a.awaitWorkers(t, 2, parent).Round(time.Millisecond))
	a.end(t, criterion{
		most: map[string]int{"502": 1, outcomeCut: 1}, back: time.Second, slowest: 3 * time.Second,
		moved: map[string]float64{exitsKilled: 1, starts: 1},
	})
}

// listeners counts the listening sockets among the descriptors of a process, by the kernel's tables.
func listeners(t *testing.T, pid int) (n int) {
	t.Helper()
	tcp, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	listening := map[string]bool{}
	for line := range strings.Lines(string(tcp)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" {
			listening[fields[9]] = true
		}
	}
	links, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range links {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, entry.Name()))
		inode, isSocket := strings.CutPrefix(link, "socket:[")
		if isSocket && listening[strings.TrimSuffix(inode, "]")] {
			n++
		}
	}
	return n
}

// TestDescriptors is scenarios 9 and 10: a worker closes all its descriptors, writes garbage to all of them, penknife's own
// sockets included, or sends the messages that it could send with contents that are wrong. Only that worker may be lost, with
// what it holds; what it writes to its streams does not fill the log.
func TestDescriptors(t *testing.T) {
	ways := []string{"garbage?times=20&", "stuff_eventfd?x=1&", "lie?seed=1&", "lie?seed=2&", "lie?seed=3&", "close_all?x=1&"}
	for _, way := range ways[:rounds(1, len(ways))] {
		name, _, _ := strings.Cut(way, "?")
		t.Run(name, func(t *testing.T) {
			a := begin(t, setup{processes: 3, threads: 2})
			logged := len(a.Output())
			a.inject(func() {
				answer, err := a.order(t, testkit.HTTPClient(a.HTTP), "nasty."+way).Receive()
				if err != nil || answer.Status != 200 && answer.Status != 502 {
					t.Errorf("%d, %v", answer.Status, err)
				}
			})
			a.awaitWorkers(t, 3)
			a.answers(t, time.Now(), 30, 20*time.Second)
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
