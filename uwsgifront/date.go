package uwsgifront

import (
	"sync/atomic"
	"time"
)

// dateCache holds the Date line of the current second, so that it is formatted once a second and no clock ticks.
type dateCache struct{ line atomic.Pointer[dateLine] }

type dateLine struct {
	second int64
	text   []byte
}

// append adds the Date line (RFC 9110 section 6.6.1) for now.
func (d *dateCache) append(dst []byte, now time.Time) []byte {
	line := d.line.Load()
	if second := now.Unix(); line == nil || line.second != second {
		text := now.UTC().AppendFormat([]byte("Date: "), "Mon, 02 Jan 2006 15:04:05 GMT\r\n")
		line = &dateLine{second, text}
		d.line.Store(line)
	}
	return append(dst, line.text...)
}
