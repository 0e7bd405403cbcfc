package logs

import "time"

// complainEvery is how often it is said that a log cannot be written.
const complainEvery = 10 * time.Second

// complainer says that records were lost, but not for each write that failed. The goroutine of one Writer uses it.
type complainer struct {
	say   func(text string, lines int, err error)
	count func(lines int)
	last  time.Time
	lost  int  // since
	ill   bool // the last that was said is that it cannot be written
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
		c.ill = true
		return
	}
	c.say("lines dropped: the output is too slow (log.buffer)", lines, nil)
}

// written says that it works again, and how many lines nobody has been told of yet. An output that takes every other line
// says so as rarely as that it does not.
func (c *complainer) written() {
	now := time.Now()
	if !c.ill || now.Sub(c.last) < complainEvery {
		return
	}
	lines := c.lost
	c.ill, c.lost, c.last = false, 0, now
	c.say("written again; lost since the last message", lines, nil)
}
