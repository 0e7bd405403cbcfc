package clients

import (
	"log/slog"
	"sync"
	"time"
)

// maxLines is how many lines there are in a second. A peer that sends nothing but nonsense must not fill the disk.
const maxLines = 10

// Throttle writes lines about clients that misbehave, and leaves out what is too much. The zero Throttle is ready.
type Throttle struct {
	mu         sync.Mutex // guards the rest
	second     int64
	lines      int
	suppressed int
}

// admit tells whether to log, and how many lines were left out since the last one that was not.
func (t *Throttle) admit(now time.Time) (suppressed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if second := now.Unix(); second != t.second {
		t.second, t.lines = second, 0
	}
	if t.lines++; t.lines > maxLines {
		t.suppressed++
		return 0, false
	}
	suppressed, t.suppressed = t.suppressed, 0
	return suppressed, true
}

// Warn logs, unless there was too much of it lately; then the next line says how many there were.
func (t *Throttle) Warn(log *slog.Logger, message string, args ...any) {
	t.warn(time.Now(), log, message, args...)
}

func (t *Throttle) warn(now time.Time, log *slog.Logger, message string, args ...any) {
	suppressed, ok := t.admit(now)
	if !ok {
		return
	}
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	log.Warn(message, args...)
}
