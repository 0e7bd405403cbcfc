package configs

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// wallClock is a schedule with fixed hours and minutes. It runs once for each of its times of the day, also on the days on
// which the zone's clocks are put forward or back: what falls into the hour that is left out is due when the clocks are put
// forward, and what falls into the hour that comes twice is due the first time. Debian's cron(8) does the same.
type wallClock struct {
	naive cron.SpecSchedule // of a clock that nobody puts forward or back
	zone  *time.Location
}

// onWallClock gives schedule itself unless it has a fixed hour and minute: what runs every few minutes or each hour goes on in
// equal steps.
func onWallClock(text string, schedule cron.Schedule) cron.Schedule {
	fields := strings.Fields(text)
	if strings.Contains(fields[0], "TZ=") {
		fields = fields[1:]
	}
	spec, isSpec := schedule.(*cron.SpecSchedule)
	named := strings.HasPrefix(fields[0], "@")
	if !isSpec || fields[0] == "@hourly" || !named && strings.ContainsAny(fields[0][:1]+fields[1][:1], "*?") {
		return schedule
	}
	s := &wallClock{naive: *spec, zone: spec.Location}
	s.naive.Location = time.UTC
	return s
}

// Next gives the first time after t at which it is due; zero: never.
func (s *wallClock) Next(t time.Time) time.Time {
	zone := s.zone
	if zone == time.Local { // as the package has it
		zone = t.Location()
	}
	for wall := atWall(t.In(zone), time.UTC); ; {
		if wall = s.naive.Next(wall); wall.IsZero() {
			return wall
		}
		if due := firstAt(wall, zone); due.After(t) {
			return due
		}
	}
}

// atWall is when a zone's clocks show what t shows; if they show it never or twice, some moment close to it.
func atWall(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// firstAt is the first moment at which a zone's clocks show what wall shows, or have gone past it.
func firstAt(wall time.Time, zone *time.Location) time.Time {
	near := atWall(wall, zone)
	begin, end := near.ZoneBounds()
	shown := atWall(near, time.UTC)
	switch {
	case shown.Before(wall):
		return end // the clocks were put forward then
	case shown.After(wall):
		return begin
	case begin.IsZero():
		return near
	}
	_, before := begin.Add(-time.Nanosecond).Zone()
	if earlier := wall.Add(-time.Duration(before) * time.Second).In(zone); earlier.Before(begin) {
		return earlier
	}
	return near
}
