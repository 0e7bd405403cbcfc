// Package httpdate keeps the Date line of an answer (RFC 9110 section 6.6.1). It starts no goroutine and takes no lock.
package httpdate

import (
	"sync/atomic"
	"time"
)

// Line is the Date line of the current second, so that it is formatted once a second and no clock ticks while nothing
// is served. The zero Line is ready; any number of goroutines may use one.
type Line struct{ current atomic.Pointer[formatted] }

type formatted struct {
	second int64
	text   []byte
}

// Append adds "Date: ...\r\n" for now to dst. It allocates only for the first call of a second.
func (l *Line) Append(dst []byte, now time.Time) []byte {
	line := l.current.Load()
	if second := now.Unix(); line == nil || line.second != second {
		text := now.UTC().AppendFormat([]byte("Date: "), "Mon, 02 Jan 2006 15:04:05 GMT\r\n")
		line = &formatted{second, text}
		l.current.Store(line)
	}
	return append(dst, line.text...)
}
