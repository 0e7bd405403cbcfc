package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// What became of a request, beside the status of a complete answer ("200", "502", ...).
const (
	outcomeCut     = "cut"     // a head came, and not the whole body
	outcomeClosed  = "closed"  // the connection ended before an answer
	outcomeRefused = "refused" // no connection
	outcomeLate    = "late"    // nothing, or not all, within the client's patience
	outcomeWrong   = "wrong"   // bytes that are not this request's answer
	outcomeSwapped = "swapped" // the answer of another request: never allowed
)

// record is one request of the load that is over.
type record struct {
	number   string // of the request
	way      string // by which it came: http, http-new, uwsgi, uwsgi-tcp, nginx
	sent     time.Time
	took     time.Duration
	outcome  string
	detail   string // for people, of what is not 200
	pid      int    // of the worker, 0 when no answer names it
	uploaded int    // bytes of its body
}

// ledger is the records of a load. Its methods may be called from any goroutine.
type ledger struct {
	mu      sync.Mutex
	records []record
}

func (l *ledger) add(r record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
}

func (l *ledger) all() []record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

// outcomes counts by outcome.
func (l *ledger) outcomes() map[string]int {
	count := map[string]int{}
	for _, r := range l.all() {
		count[r.outcome]++
	}
	return count
}

// failed gives the records that are not 200.
func (l *ledger) failed() []record {
	return slices.DeleteFunc(l.all(), func(r record) bool { return r.outcome == "200" })
}

// answered counts right answers by way to requests that were sent at or after a moment.
func (l *ledger) answered(since time.Time) map[string]int {
	count := map[string]int{}
	for _, r := range l.all() {
		if r.outcome == "200" && !r.sent.Before(since) {
			count[r.way]++
		}
	}
	return count
}

// slowest is the longest time that a request took, whatever became of it.
func (l *ledger) slowest() (longest record) {
	for _, r := range l.all() {
		if r.took > longest.took {
			longest = r
		}
	}
	return longest
}

// summary is the outcomes for people, in a fixed order.
func summary(count map[string]int) string {
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s: %d", outcome, count[outcome]))
	}
	return strings.Join(parts, ", ")
}
