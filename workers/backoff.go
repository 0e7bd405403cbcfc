package workers

import (
	"errors"
	"syscall"
	"time"
)

// Limits of the crash loop detector. A death is quick when the process never got ready or had been ready for less
// than quickLife; freeRounds quick deaths in a row are replaced at once, after that pauses grow from firstPause to
// longestPause, each longer by up to a quarter at random. A process that has lived for stableLife ends the loop.
const (
	quickLife    = time.Second
	stableLife   = 10 * time.Second
	freeRounds   = 5
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// backoff decides when the next process may be started. It belongs to the supervisor's goroutine.
type backoff struct {
	random func() float64 // in [0, 1)
	rounds int            // quick deaths in a row, those of processes that were started together counted once
	last   time.Time      // the latest quick death
	next   time.Time      // no start before
}

// died takes note of a death; ready is zero for a process that never was.
func (b *backoff) died(started, ready, now time.Time) {
	if !ready.IsZero() && now.Sub(ready) >= quickLife {
		return
	}
	if started.Before(b.last) {
		return // of the same round as an earlier death
	}
	b.rounds++
	b.last = now
	if b.looping() {
		b.next = now.Add(b.pause())
	}
}

func (b *backoff) pause() time.Duration {
	pause := longestPause
	if doublings := b.rounds - freeRounds - 1; doublings < 5 { // 2^5 s is over the longest
		pause = min(firstPause<<doublings, longestPause)
	}
	return b.jittered(pause)
}

func (b *backoff) jittered(pause time.Duration) time.Duration {
	return pause + time.Duration(b.random()*float64(pause)/4)
}

// failed takes note of a start that came to nothing before there was a process. A shortage of the system says nothing
// about the application, costs little to find out, and passes by itself: after it, every pause is firstPause.
func (b *backoff) failed(err error, now time.Time) {
	if !isShortage(err) {
		b.died(now, time.Time{}, now)
		return
	}
	b.rounds = max(b.rounds, freeRounds+1)
	b.last = now
	b.next = now.Add(b.jittered(firstPause))
}

// isShortage tells whether the system had no room: for descriptors, memory or processes.
func isShortage(err error) bool {
	for _, shortage := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.ENOBUFS} {
		if errors.Is(err, shortage) {
			return true
		}
	}
	return false
}

// lived takes note that a process has been ready for stableLife. Only one that was started after the last quick
// death shows that the trouble is over.
func (b *backoff) lived(started time.Time) {
	if started.Before(b.last) {
		return
	}
	b.rounds = 0
	b.next = time.Time{}
}

// looping tells whether starts are being delayed.
func (b *backoff) looping() bool { return b.rounds > freeRounds }

// pausing tells whether none may be tried yet.
func (b *backoff) pausing(now time.Time) bool { return b.looping() && now.Before(b.next) }
