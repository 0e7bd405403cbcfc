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

func (n *notifier) ready(status string) { n.note(n.Ready(status)) }

func (n *notifier) reloading(status string, atMost time.Duration) {
	n.note(n.Reloading(status))
	n.note(n.Extend(atMost + startSlack))
}

func (n *notifier) stopping(atMost time.Duration) {
	n.note(n.Stopping("stopping", atMost+stopSlack))
}

// statusLine is what `systemctl status` shows.
func (s *Server) statusLine() string {
	return fmt.Sprintf("serving %s with %d workers on %s", s.inForce.Load().Config.App.WSGI, s.engine.Ready(), s.open)
}
