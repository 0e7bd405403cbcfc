package appcalls

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"penknife/appcalls/mirror"
	"penknife/appcalls/series"
)

// Counters are told what happens. Each method is called from many goroutines and must not block.
type Counters interface {
	// Called is one call: numbers of Operations and Statuses.
	Called(operation, status int, took time.Duration)
	// Channels changes how many channels are open.
	Channels(delta int)
	// Refused is a channel over a process's limit, or a descriptor that is no channel.
	Refused()
}

// Limits are what one process may take.
type Limits struct {
	Channels int // open at once: about one for each of its threads that calls
	Value    int // bytes of a value
}

// Deps is what a Service is given. All but Counters and Log may be nil: then calls for them say so.
type Deps struct {
	Cache     Cache
	Responses Responses
	Metrics   *series.Board
	Mirror    *mirror.Mirror // of Cache
	Counters  Counters
	Log       *slog.Logger
}

// Service answers calls. Its methods may be called from any goroutine.
type Service struct {
	limits   Limits
	deps     Deps
	instance uint32 // below 1<<31: which Service it is, by chance

	mu       sync.Mutex // guards what follows, and the channels of every Caller
	closed   bool
	callers  map[*Caller]bool // that have channels
	outside  map[int]*Caller  // processes outside that have channels, by pid
	parted   bool             // channels from outside take no further calls
	channels sync.WaitGroup   // one for each
}

// New makes a Service. It starts nothing.
func New(limits Limits, deps Deps) *Service {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Counters == nil {
		deps.Counters = noCounters{}
	}
	if deps.Cache != nil && deps.Mirror != nil {
		deps.Cache = mirrored{deps.Cache, deps.Mirror}
	}
	return &Service{
		limits: limits, deps: deps, instance: rand.Uint32() >> 1, callers: map[*Caller]bool{}, outside: map[int]*Caller{},
	}
}

// Join begins the life of a process; the name is for the log.
func (s *Service) Join(process string) *Caller { return &Caller{service: s, process: process} }

// Shutdown closes every channel, refuses new ones, and waits until no call runs, or until ctx ends.
func (s *Service) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	var open []*net.UnixConn
	for c := range s.callers {
		open = append(open, c.takeAll()...)
	}
	s.mu.Unlock()
	closeAll(open)
	over := make(chan struct{})
	go func() { // ends with the last channel; each is closed, and no call waits longer than callTimeout
		defer close(over)
		s.channels.Wait()
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Caller is one process of the application.
type Caller struct {
	service *Service
	process string
	outside bool // not started by us; see AcceptOutside
	pid     int  // of one outside, as the kernel knows it; 0: not known

	// Guarded by Service.mu.
	left     bool
	open     map[*net.UnixConn]bool // nil before the first channel
	refusals int
}

// Accept takes charge of a channel and serves it in a goroutine of its own. What is no stream socket, and what is over
// the limit, is closed; of the latter its peer is told.
func (c *Caller) Accept(file *os.File) {
	conn, err := streamOf(file)
	if err != nil {
		c.service.deps.Counters.Refused()
		c.service.deps.Log.Warn("a process of the application sent something that is no channel", "process", c.process, "error", err)
		return
	}
	c.service.mu.Lock()
	v := c.enter(conn)
	c.service.mu.Unlock()
	c.serve(conn, v)
}

// verdict is what becomes of a new channel.
type verdict int

const (
	served verdict = 1 + iota
	ended          // the process or the service is going
	tooMany
	tooManyFirst // which the log is told
)

// serve serves a channel that was let in, or closes it. It does not wait.
func (c *Caller) serve(conn *net.UnixConn, v verdict) {
	if v == tooManyFirst {
		c.service.deps.Log.Warn("a process of the application has too many channels; further ones are refused",
			"process", c.process, "setting", "app_cache.channels", "channels", c.service.limits.Channels)
	}
	if v != served {
		c.service.deps.Counters.Refused()
		if v != ended {
			_ = conn.SetWriteDeadline(time.Now().Add(payloadTimeout))
			writeAnswer(conn, statusTooMany, []byte("this process has too many threads that call penknife (app_cache.channels)"), nil)
		}
		_ = conn.Close()
		return
	}
	c.service.deps.Counters.Channels(1)
	// Ends with the channel: its other end closes, or Leave, Part or Shutdown close ours.
	go func() {
		defer c.exit(conn)
		(&channel{service: c.service, caller: c, conn: conn}).serve()
	}()
}

// enter counts a channel in, unless there are too many or the process is gone. The lock is held.
func (c *Caller) enter(conn *net.UnixConn) verdict {
	s := c.service
	if c.left || s.closed {
		return ended
	}
	if len(c.open) >= s.limits.Channels {
		if c.refusals++; c.refusals == 1 {
			return tooManyFirst
		}
		return tooMany
	}
	if c.open == nil {
		c.open = map[*net.UnixConn]bool{}
	}
	c.open[conn] = true
	s.callers[c] = true
	s.channels.Add(1)
	return served
}

func (c *Caller) exit(conn *net.UnixConn) {
	_ = conn.Close()
	c.service.mu.Lock()
	delete(c.open, conn)
	last := len(c.open) == 0
	if last {
		delete(c.service.callers, c)
		c.service.forgetOutside(c)
	}
	last = last && c.left
	c.service.mu.Unlock()
	if last {
		c.forget() // a call that was under way when the process left may have asked for more
	}
	c.service.deps.Counters.Channels(-1)
	c.service.channels.Done()
}

// takeAll lists the channels; the lock is held.
func (c *Caller) takeAll() []*net.UnixConn {
	list := make([]*net.UnixConn, 0, len(c.open))
	for conn := range c.open {
		list = append(list, conn)
	}
	return list
}

// Leave closes the process's channels, whoever still holds their other ends. It does not wait.
func (c *Caller) Leave() {
	c.service.mu.Lock()
	c.left = true
	open := c.takeAll()
	c.service.mu.Unlock()
	closeAll(open)
	c.forget()
}

// forget lets go of the metrics that processes of the caller had for themselves.
func (c *Caller) forget() {
	if board := c.service.deps.Metrics; board != nil {
		board.Leave(c)
	}
}

func closeAll(list []*net.UnixConn) {
	for _, conn := range list {
		_ = conn.Close()
	}
}

type noCounters struct{}

func (noCounters) Called(int, int, time.Duration) {}
func (noCounters) Channels(int)                   {}
func (noCounters) Refused()                       {}
