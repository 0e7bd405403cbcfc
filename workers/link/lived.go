package link

import "time"

// pausedAfter is a time between two looks of the scanner that no busy machine explains: this process was stopped, or its
// container, or the whole machine.
const pausedAfter = time.Second

// lived is a clock that stands still while this process is stopped. The time limits of requests go by it: whoever stops
// penknife has mostly stopped its workers too, so the application had none of that time. Only the scanner uses it.
type lived struct {
	last   time.Time // when it was asked last
	paused time.Duration
}

// resume says that nothing was measured until now.
func (l *lived) resume(now time.Time) { l.last = now }

// at gives the moment of now. It is asked each scanInterval.
func (l *lived) at(now time.Time) time.Time {
	if gap := now.Sub(l.last); gap > pausedAfter {
		l.paused += gap - scanInterval
	}
	l.last = now
	return now.Add(-l.paused)
}
