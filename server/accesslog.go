package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"penknife/gateway"
)

const (
	// accessInterval is the longest time that a line waits in memory.
	accessInterval = time.Second
	// accessFlush is the size at which lines are written without waiting.
	accessFlush = 64 << 10
	// accessLimit bounds what waits for an output that does not take it; lines above it are dropped and counted.
	accessLimit = 4 << 20
)

// accessLog writes a line for each request in the combined format of Apache and nginx. Lines gather in memory and a
// goroutine writes them, at most accessInterval later; while there are none it sleeps without a timer.
type accessLog struct {
	out io.Writer
	log *slog.Logger

	wake chan struct{} // of capacity 1: the buffer has its first line
	full chan struct{} // of capacity 1: the buffer has reached accessFlush
	quit chan struct{} // closed by shutdown
	done chan struct{} // closed when everything is written

	mu      sync.Mutex // guards what follows
	lines   []byte
	spare   []byte // the other buffer, while it is not being written
	dropped int
	clock   clockText
}

func newAccessLog(out io.Writer, log *slog.Logger) *accessLog {
	return &accessLog{
		out: out, log: log,
		wake: make(chan struct{}, 1), full: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// start starts the writing goroutine.
func (a *accessLog) start() {
	// Stopped by shutdown, which waits for done.
	go a.writeLoop()
}

// shutdown writes what is left. It waits for an output that blocks only until ctx ends. No line may be added after.
func (a *accessLog) shutdown(ctx context.Context) error {
	close(a.quit)
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write the last lines: %w", ctx.Err())
	}
}

// add appends a request's line. It does not block.
func (a *accessLog) add(r *gateway.Request, outcome gateway.Outcome) {
	a.mu.Lock()
	if len(a.lines) > accessLimit {
		a.dropped++
		a.mu.Unlock()
		return
	}
	first := len(a.lines) == 0
	a.lines = appendCombined(a.lines, r, outcome, &a.clock)
	reached := len(a.lines) >= accessFlush
	a.mu.Unlock()
	if first {
		notify(a.wake)
	}
	if reached {
		notify(a.full)
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (a *accessLog) writeLoop() {
	defer close(a.done)
	timer := time.NewTimer(accessInterval)
	defer timer.Stop()
	for {
		select {
		case <-a.quit:
			a.flush()
			return
		case <-a.wake:
		}
		timer.Reset(accessInterval)
		select {
		case <-a.quit:
		case <-a.full:
		case <-timer.C:
		}
		timer.Stop()
		a.flush()
	}
}

// flush writes what has gathered. The lock is not held meanwhile; lines go to the other buffer.
func (a *accessLog) flush() {
	a.mu.Lock()
	lines, dropped := a.lines, a.dropped
	a.lines, a.spare, a.dropped = a.spare[:0], nil, 0
	a.mu.Unlock()
	if len(lines) > 0 {
		if _, err := a.out.Write(lines); err != nil {
			a.log.Warn("access log not written", "error", err)
		}
	}
	if dropped > 0 {
		a.log.Warn("access log lines dropped: the output is too slow", "lines", dropped)
	}
	a.mu.Lock()
	if cap(lines) <= 4*accessFlush {
		a.spare = lines[:0]
	}
	a.mu.Unlock()
}

// appendCombined appends: address - user [time] "request line" status bytes "referer" "user agent".
func appendCombined(dst []byte, r *gateway.Request, outcome gateway.Outcome, clock *clockText) []byte {
	fields := findAccessFields(r.Vars)
	dst = appendField(dst, r.RemoteAddr)
	dst = append(dst, " - "...)
	dst = appendField(dst, fields.user)
	dst = append(dst, " ["...)
	dst = clock.append(dst, r.Start)
	dst = append(dst, `] "`...)
	dst = appendEscaped(dst, r.Method)
	dst = append(dst, ' ')
	dst = appendEscaped(dst, r.Target)
	dst = append(dst, ' ')
	dst = appendEscaped(dst, r.Proto)
	dst = append(dst, `" `...)
	dst = appendStatus(dst, outcome)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, max(outcome.Sent, 0), 10)
	dst = append(dst, ` "`...)
	dst = appendField(dst, fields.referer)
	dst = append(dst, `" "`...)
	dst = appendField(dst, fields.agent)
	return append(dst, "\"\n"...)
}

// statusClientGone is what nginx logs for a client that left before its answer.
const statusClientGone = 499

// appendStatus appends three digits always, since readers of the format count on them.
func appendStatus(dst []byte, outcome gateway.Outcome) []byte {
	status := outcome.Status
	if status == 0 && gateway.KindOf(outcome.Err) == gateway.KindClientGone {
		status = statusClientGone
	}
	if status < 100 || status > 999 {
		return append(dst, "000"...)
	}
	return strconv.AppendInt(dst, int64(status), 10)
}

// appendField appends a value, or - for none.
func appendField(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return appendEscaped(dst, value)
}

const hexDigits = "0123456789ABCDEF"

// appendEscaped writes as nginx does: a quote, a backslash and everything that is not printable ASCII become \xHH, so
// that no client can end a field or a line, or drive a terminal.
func appendEscaped(dst, value []byte) []byte {
	for _, c := range value {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// clockText remembers the text of the last second that was written.
type clockText struct {
	second int64
	text   []byte
}

func (c *clockText) append(dst []byte, t time.Time) []byte {
	if second := t.Unix(); second != c.second || c.text == nil {
		c.second = second
		c.text = t.AppendFormat(c.text[:0], "02/Jan/2006:15:04:05 -0700")
	}
	return append(dst, c.text...)
}
