package logs

import "time"

// complainEvery is how often it is said that a log cannot be written.
const complainEvery = 10 * time.Second

// complainer says that records were lost, but not for each write that failed. The goroutine of one Writer uses it.
type complainer struct {
	say   func(text string, lines int, err error)
	count func(lines int)
	last  time.Time
	lost  int // since
}

func newComplainer(say func(string, int, error), count func(int)) *complainer {
	return &complainer{say: say, count: count}
}

func (c *complainer) dropped(lines int, err error) {
	c.count(lines)
	c.lost += lines
	now := time.Now()
	if err != nil && now.Sub(c.last) < complainEvery {
		return
	}
	lines, c.lost, c.last = c.lost, 0, now
	if err != nil {
		c.say("not written", lines, err)
		return
	}
	c.say("lines dropped: the output is too slow (log.buffer)", lines, nil)
}
