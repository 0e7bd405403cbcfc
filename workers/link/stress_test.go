package link

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penknife/gateway"
)

// TestQueue_WorkersKilledUnderLoad kills one of two workers again and again while clients check every byte: a request
// gets its own answer or KindWorkerDied, every kill costs at most one request, and no slot is lost.
func TestQueue_WorkersKilledUnderLoad(t *testing.T) {
	const kills, clients = 8, 12
	h := startHarness(t, testOptions())
	victims := []*harness{h, {t: t, q: h.q}}
	victims[1].startWorker(1, 1)

	var served, lost atomic.Int64
	stop := make(chan struct{})
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() { // ends when stop is closed
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				want := fmt.Sprintf("client %d request %d %0*d", client, n, rand.IntN(3000), n)
				switch err := h.echo(uint64(client*1_000_000+n+1), want); {
				case err == nil:
					served.Add(1)
				case gateway.KindOf(err) == gateway.KindWorkerDied:
					lost.Add(1)
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range kills {
		victim := victims[n%2]
		before := served.Load()
		waitFor(t, "load", func() bool { return served.Load() > before+50 })
		victim.cmd.Process.Kill()
		victim.cmd.Wait()
		h.q.WorkerDied(n%2, "killed by the test")
		victim.control.Close()
		victim.startWorker(n%2, 1)
	}
	close(stop)
	running.Wait()
	h.q.StopWorker(1)
	victims[1].cmd.Wait()
	h.q.WorkerDied(1, "test is over")
	victims[1].control.Close()
	if lost.Load() > kills {
		t.Errorf("%d kills cost %d requests", kills, lost.Load())
	}
	if n := h.q.InFlight(); n != 0 {
		t.Errorf("%d slots are lost", n)
	}
	t.Logf("%d served, %d lost", served.Load(), lost.Load())
}

// echo sends body through /busy_echo and fails unless the same bytes come back.
func (h *harness) echo(id uint64, body string) error {
	req := newRequestOf("/busy_echo")
	req.ID = id
	resp, err := h.q.Serve(req, newSpool([]byte(body)))
	if err != nil {
		return err
	}
	defer resp.Body.CloseWithError(nil)
	got := resp.Whole
	if got == nil {
		if got, err = io.ReadAll(resp.Body); err != nil {
			return err
		}
	}
	if string(got) != body {
		return fmt.Errorf("sent %q, got %q", body, got)
	}
	return nil
}

// TestQueue_WorkersComeAndGo stops and replaces workers gracefully under load: no request may fail or wait for ever.
func TestQueue_WorkersComeAndGo(t *testing.T) {
	h := startHarness(t, testOptions())
	other := &harness{t: t, q: h.q}
	other.startWorker(1, 1)
	var running sync.WaitGroup
	stop := make(chan struct{})
	var served atomic.Int64
	for client := range 4 {
		running.Go(func() { // ends when stop is closed
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := h.echo(uint64(client*1_000_000+n+1), fmt.Sprint(client, n)); err != nil {
					t.Error(err)
					return
				}
				served.Add(1)
				if n%64 == 0 {
					idle := time.NewTimer(time.Millisecond) // lets lanes fall asleep, which is where wakes get lost
					<-idle.C
				}
			}
		})
	}
	for range 6 {
		before := served.Load()
		waitFor(t, "load", func() bool { return served.Load() > before+50 })
		h.q.StopWorker(1)
		other.cmd.Wait()
		h.q.WorkerDied(1, "left")
		closeAll(other.control)
		other.startWorker(1, 1)
	}
	close(stop)
	running.Wait()
	h.q.StopWorker(1)
	other.cmd.Wait()
	h.q.WorkerDied(1, "left")
	closeAll(other.control)
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}
