package workers

import (
	"log/slog"
	"sync"
	"time"

	"penknife/configs"
)

// flowPause is how long lines are dropped before it is said how many they were.
const flowPause = time.Second

// outputLimits are what a process may write into the log. The zero value is no limit but on the length of a line.
type outputLimits struct {
	rate, burst float64 // lines per second, lines at once; rate 0: no limit
	line        int     // bytes; 0: maxLine
}

func newOutputLimits(c configs.Log) outputLimits {
	return outputLimits{rate: float64(c.AppRate), burst: float64(c.AppBurst), line: int(c.AppLine)}
}

// flow limits what one process writes into the log by all its ways together: a bucket of burst tokens, filled at rate.
// A nil *flow permits everything.
//
// Its timer runs only while there is something to say.
type flow struct {
	outputLimits
	log     *slog.Logger // names the worker
	dropped func(lines int)
	now     func() time.Time

	mu     sync.Mutex // guards the rest
	tokens float64
	filled time.Time   // when tokens were counted
	missed int         // lines that were dropped and not told yet
	timer  *time.Timer // tells; nil: nothing to tell
	closed bool
}

func newFlow(limits outputLimits, log *slog.Logger, dropped func(int)) *flow {
	return &flow{outputLimits: limits, log: log, dropped: dropped, now: time.Now, tokens: limits.burst, filled: time.Now()}
}

// admit tells whether that many lines may be logged. It does not block.
func (f *flow) admit(lines int) bool {
	if f == nil || f.rate <= 0 {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	f.tokens = min(f.burst, f.tokens+f.rate*now.Sub(f.filled).Seconds())
	f.filled = now
	// A text of more lines than fit at once is let in when the bucket is full.
	if f.tokens >= min(float64(lines), f.burst) {
		f.tokens -= float64(lines)
		return true
	}
	f.missed += lines
	f.dropped(lines)
	if f.timer == nil && !f.closed {
		f.timer = time.AfterFunc(flowPause, f.tell)
	}
	return false
}

// tell says how much was dropped.
func (f *flow) tell() {
	f.mu.Lock()
	missed := f.missed
	f.missed, f.timer = 0, nil
	f.mu.Unlock()
	if missed > 0 {
		f.log.Warn("output dropped: the worker writes more than log.app_rate", "lines", missed)
	}
}

// close tells what is left to tell. Nothing is logged by the flow after it.
func (f *flow) close() {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.closed = true
	timer := f.timer
	f.mu.Unlock()
	if timer != nil && timer.Stop() {
		f.tell()
	}
}

// longest is the longest line in bytes.
func (f *flow) longest() int {
	if f == nil || f.line <= 0 {
		return maxLine
	}
	return f.line
}
