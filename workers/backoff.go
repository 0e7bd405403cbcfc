package workers

import "time"

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
	return pause + time.Duration(b.random()*float64(pause)/4)
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
