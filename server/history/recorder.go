package history

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"penknife/control"
	"penknife/metrics"
)

const (
	every  = time.Second
	kept   = 300             // samples: five minutes
	settle = 2 * time.Second // after the last second with requests it goes to sleep
	linger = 5 * time.Second // after the last look
)

// Moment is what a sample is made from.
type Moment struct {
	Totals *metrics.Totals // since the start
	Sample control.Sample  // its gauges are filled; Recorder fills the rest
	Busy   bool            // requests are in flight
}

// Recorder keeps a sample of each second in which there are requests or somebody looks. Otherwise its goroutine sleeps
// without a timer.
type Recorder struct {
	take   func() Moment // must not block for long
	kick   chan struct{} // of capacity 1
	quit   chan struct{} // closed by Shutdown
	done   chan struct{} // closed when the goroutine has ended
	awake  atomic.Bool
	looked atomic.Int64 // when somebody did, in nanoseconds since 1970

	mu      sync.Mutex // guards samples
	samples []control.Sample

	last *metrics.Totals // of the goroutine alone
}

// New makes a recorder that calls take, once in a second at most, from its own goroutine.
func New(take func() Moment) *Recorder {
	return &Recorder{
		take: take, kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		last: &metrics.Totals{},
	}
}

// Start starts the goroutine. Shutdown must follow.
func (r *Recorder) Start() {
	go r.loop() // ended by Shutdown, which waits
}

// Shutdown ends the goroutine and waits for it, without regard to its context: that takes as long as one call of take.
func (r *Recorder) Shutdown(context.Context) error {
	close(r.quit)
	<-r.done
	return nil
}

// Requested says that there are requests. It does not block, and costs one load while samples are taken.
func (r *Recorder) Requested() {
	if !r.awake.Load() {
		r.wake()
	}
}

func (r *Recorder) wake() {
	select {
	case r.kick <- struct{}{}:
	default: // it is about to wake
	}
}

// Past gives a copy of the samples, oldest first, and sees to it that there will be more for 5 s.
func (r *Recorder) Past() []control.Sample {
	r.looked.Store(time.Now().UnixNano())
	r.Requested()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]control.Sample{}, r.samples...)
}

func (r *Recorder) loop() {
	defer close(r.done)
	for {
		select {
		case <-r.quit:
			return
		case <-r.kick:
		}
		r.awake.Store(true)
		if !r.watch() {
			return
		}
		r.awake.Store(false)
	}
}

// watch takes samples until there is nothing to see any more; false when it was told to end.
func (r *Recorder) watch() bool {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	begin, active := time.Now(), time.Now()
	for {
		select {
		case <-r.quit:
			return false
		case now := <-ticker.C:
			m := r.take()
			s := r.sampleOf(m, now, now.Sub(begin))
			r.keep(s)
			begin = now
			if s.Requests > 0 || m.Busy {
				active = now
			}
			if now.Sub(active) >= settle && !r.regarded(now) {
				return true
			}
		}
	}
}

// regarded tells whether somebody has looked lately; a look of the future is from before the clock was set back.
func (r *Recorder) regarded(now time.Time) bool {
	since := now.Sub(time.Unix(0, r.looked.Load()))
	return since >= 0 && since < linger
}

func (r *Recorder) sampleOf(m Moment, now time.Time, length time.Duration) control.Sample {
	latency := m.Totals.Total.Since(&r.last.Total)
	s := m.Sample
	s.At, s.Seconds, s.Latency = now, length.Seconds(), LatencyOf(&latency)
	for class, n := range m.Totals.Classes {
		grown := n - r.last.Classes[class]
		s.Requests += grown
		if class == serverError {
			s.Errors += grown
		}
	}
	r.last = m.Totals
	return s
}

// serverError is the class of 5xx in Totals.Classes. No answer at all is mostly a client that left.
const serverError = 5

func (r *Recorder) keep(s control.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) == kept {
		copy(r.samples, r.samples[1:])
		r.samples = r.samples[:kept-1]
	}
	r.samples = append(r.samples, s)
}

// LatencyOf estimates the usual percentiles, in seconds.
func LatencyOf(c *metrics.Counts) control.Latency {
	return control.Latency{P50: c.Quantile(.5).Seconds(), P95: c.Quantile(.95).Seconds(), P99: c.Quantile(.99).Seconds()}
}
