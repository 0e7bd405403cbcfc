package server

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"penknife/osproc"
)

// startSlack and stopSlack are added to what the configuration allows for a start and a stop, when the service manager is
// told how long they take at most.
const (
	startSlack = 15 * time.Second
	stopSlack  = 15 * time.Second
)

// notifier tells the service manager how it goes, and logs the first time that it cannot.
type notifier struct {
	*osproc.Notifier
	log    *slog.Logger
	failed atomic.Bool
	ending atomic.Bool // nothing but the end is told any more
	// beats carries questions whether the main loop turns; it closes the channel that it gets.
	beats chan chan struct{}
}

func newNotifier(to *osproc.Notifier, log *slog.Logger) *notifier {
	return &notifier{Notifier: to, log: log, beats: make(chan chan struct{})}
}

func (n *notifier) note(err error) {
	if err != nil && !n.failed.Swap(true) {
		n.log.Warn("the service manager cannot be told", "error", err)
	}
}

// starting asks for the time that the start may take.
func (n *notifier) starting(atMost time.Duration) { n.note(n.Extend(atMost + startSlack)) }

// ready says that a start, a reload or an upgrade is over, unless the server stops.
func (n *notifier) ready(status string) {
	if !n.ending.Load() {
		n.note(n.Ready(status))
	}
}

// reloading says that a reload or an upgrade begins; ready must follow.
func (n *notifier) reloading(status string, atMost time.Duration) {
	if n.ending.Load() {
		return
	}
	n.note(n.Reloading(status))
	n.note(n.Extend(atMost + startSlack))
}

// stopping says that the end has begun and takes so long at most.
func (n *notifier) stopping(atMost time.Duration) {
	n.ending.Store(true)
	n.note(n.Stopping("stopping", atMost+stopSlack))
}

// statusLine is what `systemctl status` shows.
func (s *Server) statusLine() string {
	return fmt.Sprintf("serving %s with %d workers on %s", s.inForce.Load().Config.App.WSGI, s.engine.Ready(), s.open)
}
