package server

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"penknife/control"
	"penknife/metrics"
)

const (
	historyEvery  = time.Second
	historyKept   = 300             // samples: five minutes
	historyLinger = 5 * time.Second // after the last request and the last look, it goes to sleep
)

// moment is what a sample is made from: sums since the start, and the present state.
type moment struct {
	totals *metrics.Totals
	sample control.Sample // its gauges
	busy   bool           // requests are in flight
}

// history keeps a sample of each second in which there are requests or somebody looks. Otherwise its goroutine sleeps
// without a timer.
type history struct {
	take   func() moment // must not block for long
	kick   chan struct{} // of capacity 1
	quit   chan struct{} // closed by shutdown
	done   chan struct{} // closed when the goroutine has ended
	awake  atomic.Bool
	looked atomic.Int64 // when somebody did, in nanoseconds since 1970

	mu      sync.Mutex // guards samples
	samples []control.Sample

	last *metrics.Totals // of the goroutine alone
}

func newHistory(take func() moment) *history {
	return &history{
		take: take, kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		last: &metrics.Totals{},
	}
}

// start starts the goroutine.
func (h *history) start() {
	go h.loop() // ended by shutdown, which waits
}

// shutdown ends the goroutine and waits for it.
func (h *history) shutdown(context.Context) error {
	close(h.quit)
	<-h.done
	return nil
}

// requested says that there are requests. It costs one load while samples are taken.
func (h *history) requested() {
	if !h.awake.Load() {
		notify(h.kick)
	}
}

// past gives the samples, oldest first, and sees to it that there will be more.
func (h *history) past() []control.Sample {
	h.looked.Store(time.Now().UnixNano())
	h.requested()
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]control.Sample{}, h.samples...)
}

func (h *history) loop() {
	defer close(h.done)
	for {
		select {
		case <-h.quit:
			return
		case <-h.kick:
		}
		h.awake.Store(true)
		if !h.watch() {
			return
		}
		h.awake.Store(false)
	}
}

// watch takes samples until there is nothing to see any more; false when it was told to end.
func (h *history) watch() bool {
	ticker := time.NewTicker(historyEvery)
	defer ticker.Stop()
	begin, active := time.Now(), time.Now()
	for {
		select {
		case <-h.quit:
			return false
		case now := <-ticker.C:
			m := h.take()
			s := h.sampleOf(m, now, now.Sub(begin))
			h.keep(s)
			begin = now
			if s.Requests > 0 || m.busy || h.regarded(now) {
				active = now
			}
			if now.Sub(active) >= historyLinger {
				return true
			}
		}
	}
}

// regarded tells whether somebody has looked lately; a look of the future is from before the clock was set back.
func (h *history) regarded(now time.Time) bool {
	since := now.Sub(time.Unix(0, h.looked.Load()))
	return since >= 0 && since < historyLinger
}

func (h *history) sampleOf(m moment, now time.Time, length time.Duration) control.Sample {
	latency := m.totals.Total.Since(&h.last.Total)
	s := m.sample
	s.At, s.Seconds, s.Latency = now, length.Seconds(), latencyOf(&latency)
	for class, n := range m.totals.Classes {
		grown := n - h.last.Classes[class]
		s.Requests += grown
		if class == serverError {
			s.Errors += grown
		}
	}
	h.last = m.totals
	return s
}

// serverError is the class of 5xx in Totals.Classes. No answer at all is mostly a client that left.
const serverError = 5

func (h *history) keep(s control.Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) == historyKept {
		copy(h.samples, h.samples[1:])
		h.samples = h.samples[:historyKept-1]
	}
	h.samples = append(h.samples, s)
}

func latencyOf(c *metrics.Counts) control.Latency {
	return control.Latency{P50: c.Quantile(.5).Seconds(), P95: c.Quantile(.95).Seconds(), P99: c.Quantile(.99).Seconds()}
}
