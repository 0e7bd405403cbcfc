package sidecars

import "time"

// runSchedule begins jobs when they are due. Without jobs it sleeps without a timer.
func (m *Manager) runSchedule() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := m.beginDue(time.Now())
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(min(time.Until(next), longestSleep))
		}
		select {
		case <-timer.C:
		case <-m.wake:
		case <-m.quit:
			return
		}
	}
}

// beginDue begins what is due and tells when the next job is; zero: never. A time that was missed, because the machine
// slept or its clock was set, is made up for once. When the clock was set back, jobs that would be late by it are planned anew.
func (m *Manager) beginDue(now time.Time) (next time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	back := m.setBack(now)
	now = now.Round(0) // the clock on the wall decides, not the time that the machine was awake
	for _, j := range m.jobs {
		if back > 0 && j.heeds(back) {
			j.plan(now)
			j.log.Warn("the clock was set back; the job is planned anew", "by", back.Round(time.Second), "next", j.next)
		}
		if !j.next.IsZero() && !j.next.After(now) {
			m.begin(j, now)
			j.plan(now)
		}
		if !j.next.IsZero() && (next.IsZero() || j.next.Before(next)) {
			next = j.next
		}
	}
	return next
}

// setBack tells by how much somebody has set the clock back since the last call. It must be called with the lock held.
func (m *Manager) setBack(now time.Time) time.Duration {
	last := m.looked
	m.looked = now
	if last.IsZero() {
		return 0
	}
	return max(now.Sub(last)-now.Round(0).Sub(last.Round(0)), 0) // the first by the clock that nobody sets
}

func (m *Manager) begin(j *job, now time.Time) {
	if m.paused {
		return
	}
	if !j.begin(now) {
		j.counter.JobDone(j.config.Name, ResultSkipped, 0)
		j.log.Warn("job skipped: the run before it is not over", "since", j.snapshot().LastBegin)
		return
	}
	// Ends with the run, which quit ends at the latest.
	m.runs.Go(func() { j.run(m.quit, m.hurry) })
}
