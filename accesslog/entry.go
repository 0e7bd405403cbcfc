package accesslog

import (
	"bytes"
	"strconv"
	"time"

	"penknife/gateway"
	"penknife/uwsgiproto"
)

// entry is the request that is being written, and what is remembered from one to the next.
type entry struct {
	gateway.Outcome
	r      *gateway.Request
	end    time.Time
	limit  int      // longest value, in bytes
	values [][]byte // of the variables that the format names
	count  int      // of variables
	clf    clockText
	ctime  clockText

	requests uint64
	byWorker []uint64
}

func (e *entry) begin(r *gateway.Request, outcome gateway.Outcome) {
	e.r, e.Outcome = r, outcome
	e.end = r.Start.Add(outcome.Total)
	e.requests++
	for len(e.byWorker) <= r.Trace.Worker {
		e.byWorker = append(e.byWorker, 0)
	}
	e.byWorker[r.Trace.Worker]++
}

// scan finds variables in one walk, up to the first that is broken. When one occurs twice, the later wins.
func (e *entry) scan(names []string) {
	clear(e.values)
	e.count = 0
	for vars := uwsgiproto.Vars(e.r.Vars); len(vars) > 0; {
		key, value, rest, err := vars.Next()
		if err != nil {
			return // the front end has said what is wrong with the block
		}
		e.count++
		for i, name := range names {
			if string(key) == name {
				e.values[i] = value
			}
		}
		vars = rest
	}
}

// head gives the head that was sent, with its empty line, and no content.
func (e *entry) head() []byte {
	if end := bytes.Index(e.Head, []byte("\r\n\r\n")); end >= 0 {
		return e.Head[:end+4]
	}
	return e.Head
}

// field finds a header of the answer. name is in lower case.
func (e *entry) field(name string) []byte {
	for line := range bytes.Lines(e.head()) {
		key, value, found := bytes.Cut(line, []byte{':'})
		if found && len(key) == len(name) && equalFold(key, name) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}

func equalFold(text []byte, lower string) bool {
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// statusClientGone is what nginx logs for a client that left before its answer.
const statusClientGone = 499

// appendStatus appends three digits always, since readers of the formats count on them.
func (e *entry) appendStatus(dst []byte) []byte {
	status := e.Status
	if status == 0 && e.Err != nil && gateway.KindOf(e.Err) == gateway.KindClientGone {
		status = statusClientGone
	}
	if status < 100 || status > 999 {
		return append(dst, "000"...)
	}
	return strconv.AppendInt(dst, int64(status), 10)
}

// clockText remembers the text of the last second that was written.
type clockText struct {
	second int64
	text   []byte
}

func (c *clockText) append(dst []byte, t time.Time, layout string) []byte {
	if second := t.Unix(); second != c.second || c.text == nil {
		c.second = second
		c.text = t.AppendFormat(c.text[:0], layout)
	}
	return append(dst, c.text...)
}
