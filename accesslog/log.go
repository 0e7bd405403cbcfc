package accesslog

import (
	"time"

	"penknife/gateway"
	"penknife/logsinks"
)

// Log is one access log. Add may be called from any goroutine.
type Log struct {
	out     *logsinks.Writer
	format  *Format
	wrapper Wrapper
	filter  Filter
	entry   entry // guarded by the Writer's lock
}

// Filter says which requests have a record. The zero value is all; with both fields, those that meet either.
type Filter struct {
	Status int           // the least; a connection that was cut counts as the worst
	Slow   time.Duration // the least time that it took
}

const worstStatus = 599

func (f Filter) admits(outcome *gateway.Outcome) bool {
	if f.Status == 0 && f.Slow == 0 {
		return true
	}
	status := outcome.Status
	switch {
	case status != 0:
	case gateway.KindOf(outcome.Err) == gateway.KindClientGone:
		status = statusClientGone
	default:
		status = worstStatus
	}
	return f.Status > 0 && status >= f.Status || f.Slow > 0 && outcome.Total >= f.Slow
}

// Wrapper is what a record needs around it.
type Wrapper uint8

// The wrappers.
const (
	WrapLine    Wrapper = iota + 1 // a line break
	WrapNothing                    // the target takes each record by itself
	WrapJournal                    // the fields of a journal entry
)

var wrapperNames = [...]string{WrapLine: "line", WrapNothing: "nothing", WrapJournal: "journal"}

// String is the name used in errors.
func (w Wrapper) String() string {
	if int(w) < len(wrapperNames) && wrapperNames[w] != "" {
		return wrapperNames[w]
	}
	return "unknown"
}

// New makes a log of a format that writes to out.
func New(format *Format, out *logsinks.Writer, wrapper Wrapper, filter Filter) *Log {
	l := &Log{out: out, format: format, wrapper: wrapper, filter: filter}
	l.entry.limit = format.limit
	l.entry.values = make([][]byte, len(format.vars))
	return l
}

// Add writes the record of a request that is over. It does not block: when the output does not take what is written,
// the record is dropped and counted by the Writer.
func (l *Log) Add(r *gateway.Request, outcome gateway.Outcome) {
	if !l.filter.admits(&outcome) {
		return
	}
	dst, ok := l.out.Begin()
	if !ok {
		return
	}
	e := &l.entry
	e.begin(r, outcome)
	if l.format.scans {
		e.scan(l.format.vars)
	}
	if l.wrapper == WrapJournal {
		dst = append(dst, "MESSAGE="...)
	}
	for _, piece := range l.format.pieces {
		dst = piece(dst, e)
	}
	switch l.wrapper {
	case WrapLine:
		dst = append(dst, '\n')
	case WrapJournal:
		dst = append(dst, '\n')
		if len(r.RequestID) > 0 {
			dst = logsinks.AppendJournalField(dst, "REQUEST_ID", r.RequestID)
		}
	}
	e.r, e.Outcome = nil, gateway.Outcome{}
	l.out.End(dst, severityOf(outcome), e.end)
}

// severityOf makes the answers that are somebody's fault here stand out in a journal.
func severityOf(outcome gateway.Outcome) logsinks.Severity {
	if outcome.Status >= 500 {
		return logsinks.SeverityWarning
	}
	return logsinks.SeverityInfo
}
