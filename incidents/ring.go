package incidents

import (
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxText bounds the text of one record in bytes; the end is kept, since there is what was raised.
	maxText = 16 << 10
	// joinTime is how long after a line of output the next one of the same process may come to belong to it.
	joinTime = time.Second
)

// Record is one error, with all its repetitions.
type Record struct {
	First, Last time.Time
	// Count is how often it happened.
	Count int
	// Message is the log's constant message: "app" for what an application raised or logged, "output" for what a
	// process wrote to its standard streams, "worker died", ...
	Message string
	// Text is the traceback or text, with line breaks; empty when there is none. It is untrusted: escape it.
	Text string
	// Details are the other attributes of the latest occurrence, in the order logged.
	Details []Detail
}

// Detail is one attribute of a log line.
type Detail struct{ Key, Value string }

// Detail gives the value of an attribute, "" if there is none: worker, request, request_id, pid, ...
func (r *Record) Detail(key string) string {
	for _, d := range r.Details {
		if d.Key == key {
			return d.Value
		}
	}
	return ""
}

// Ring keeps the latest records. Its methods may be called from any goroutine and do not block.
type Ring struct {
	mu      sync.Mutex // guards the rest
	records []Record   // oldest first
	limit   int
	total   uint64
}

// NewRing makes a ring of at most limit records.
func NewRing(limit int) *Ring { return &Ring{limit: max(limit, 1)} }

// Recent gives a copy of what is remembered, latest first.
func (r *Ring) Recent() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	recent := slices.Clone(r.records)
	slices.Reverse(recent)
	return recent
}

// Total counts the errors since the start, those that are forgotten included.
func (r *Ring) Total() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// add takes in one occurrence. A line of output is joined to the one before it when both come from the same stream of
// the same process: a traceback on stderr is one incident.
func (r *Ring) add(one Record) {
	one.Text = bounded(one.Text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.join(&one) {
		return
	}
	r.total++
	r.count(one)
}

// count puts a record at the end, as another occurrence of an earlier one if there is the same.
func (r *Ring) count(one Record) {
	for i := range r.records {
		old := &r.records[i]
		if old.Message != one.Message || old.Text != one.Text || one.Text == "" && !sameCause(old, &one) {
			continue
		}
		one.First, one.Count = old.First, old.Count+one.Count
		r.records = append(slices.Delete(r.records, i, i+1), one)
		return
	}
	if len(r.records) == r.limit {
		r.records = slices.Delete(r.records, 0, 1)
	}
	r.records = append(r.records, one)
}

// sameCause compares records without a text by what was logged as their reason.
func sameCause(a, b *Record) bool {
	for _, key := range [...]string{"reason", "error", "exit", "kind"} {
		if a.Detail(key) != b.Detail(key) {
			return false
		}
	}
	return true
}

func (r *Ring) join(one *Record) bool {
	if one.Message != messageOutput || startsAnew(one.Text) {
		return false
	}
	for i := len(r.records) - 1; i >= 0; i-- {
		old := &r.records[i]
		if old.Message != messageOutput || old.Detail("worker") != one.Detail("worker") || old.Detail("stream") != one.Detail("stream") {
			continue
		}
		if one.Last.Sub(old.Last) > joinTime || old.Count > 1 {
			return false
		}
		whole := *old
		whole.Text, whole.Last = bounded(old.Text+"\n"+one.Text), one.Last
		r.records = slices.Delete(r.records, i, i+1)
		r.count(whole)
		return true
	}
	return false
}

// startsAnew tells the first line of what Python prints of an exception, or of the stacks of a thread that did not
// come from the same dump.
func startsAnew(line string) bool {
	return strings.HasPrefix(line, "Traceback (most recent call last):") || strings.HasPrefix(line, "Fatal Python error: ")
}

func bounded(text string) string {
	text = strings.TrimRight(text, "\n")
	if len(text) > maxText {
		return "[…]" + strings.ToValidUTF8(text[len(text)-maxText:], "")
	}
	return text
}
