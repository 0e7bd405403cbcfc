package configs

import (
	"strings"
	"testing"
	"time"

	_ "time/tzdata" // the test's machine may have no zones
)

// TestSchedule_ClocksPutForwardAndBack: a job of half past two runs once on the day without half past two and once on the day
// with two of them. What runs each hour or oftener goes on in equal steps. The rules are cron(8)'s of Debian.
func TestSchedule_ClocksPutForwardAndBack(t *testing.T) {
	for _, row := range []struct{ zone, schedule, from, want string }{
		{"Europe/Berlin", "30 2 * * *", "2026-03-27T12:00+01:00", "28T02:30+01:00 29T03:00+02:00 30T02:30+02:00"},
		{"Europe/Berlin", "30 2 * * *", "2026-10-24T00:00+02:00", "24T02:30+02:00 25T02:30+02:00 26T02:30+01:00"},
		{"Europe/Berlin", "30 2 * * *", "2026-10-25T02:40+02:00", "26T02:30+01:00"}, // between the two
		{"Europe/Berlin", "30 2 * * *", "2026-10-25T02:10+01:00", "26T02:30+01:00"}, // in the second hour
		{"Europe/Berlin", "0 3 * * *", "2026-03-28T12:00+01:00", "29T03:00+02:00 30T03:00+02:00"},
		{"Europe/Berlin", "0 2,3 * * *", "2026-03-29T00:00+01:00", "29T03:00+02:00 30T02:00+02:00"}, // both at once is once
		{"Europe/Berlin", "15,45 2 * * *", "2026-03-29T00:00+01:00", "29T03:00+02:00 30T02:15+02:00"},
		{"Europe/Berlin", "15,45 2 * * *", "2026-10-25T00:00+02:00", "25T02:15+02:00 25T02:45+02:00 26T02:15+01:00"},
		{"Europe/Berlin", "0 3 * * *", "2026-10-25T00:00+02:00", "25T03:00+01:00 26T03:00+01:00"},
		{"Europe/Berlin", "30 2 * * 1", "2026-03-28T12:00+01:00", "30T02:30+02:00"},
		{"Europe/Berlin", "30 * * * *", "2026-10-25T02:00+02:00", "25T02:30+02:00 25T02:30+01:00 25T03:30+01:00"},
		{"Europe/Berlin", "30 * * * *", "2026-03-29T01:00+01:00", "29T01:30+01:00 29T03:30+02:00"},
		{"Europe/Berlin", "@every 1h", "2026-10-25T02:00+02:00", "25T02:00+01:00 25T03:00+01:00"},
		{"Europe/Berlin", "@daily", "2026-10-24T12:00+02:00", "25T00:00+02:00 26T00:00+01:00"},
		{"Australia/Lord_Howe", "10 2 * * *", "2026-10-03T12:00+10:30", "04T02:30+11:00 05T02:10+11:00"}, // by half an hour
		{"America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00-03:00", "04T01:00-02:00 05T00:00-02:00"},    // a day without midnight
		{"America/Sao_Paulo", "@daily", "2018-11-03T12:00-03:00", "04T01:00-02:00 05T00:00-02:00"},
		{"Europe/Berlin", "@hourly", "2026-10-25T02:00+02:00", "25T02:00+01:00 25T03:00+01:00"},
		{"UTC", "30 2 * * *", "2026-03-28T12:00+00:00", "29T02:30+00:00 30T02:30+00:00"},
	} {
		zone, err := time.LoadLocation(row.zone)
		if err != nil {
			t.Fatal(err)
		}
		schedules := []string{row.schedule, "CRON_TZ=" + row.zone + " " + row.schedule}
		for i, text := range schedules {
			s, err := ParseSchedule(text)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse("2006-01-02T15:04Z07:00", row.from)
			if err != nil {
				t.Fatal(err)
			}
			if at = at.In(zone); i == 1 && !strings.HasPrefix(row.schedule, "@every") {
				at = at.UTC() // the machine is elsewhere
			}
			var got []string
			for range strings.Fields(row.want) {
				at = s.Next(at)
				got = append(got, at.In(zone).Format("02T15:04-07:00"))
			}
			if strings.Join(got, " ") != row.want {
				t.Errorf("%s, %s after %s:\n got %s\nwant %s", row.zone, text, row.from, strings.Join(got, " "), row.want)
			}
		}
	}
}

func TestSchedule_NeverOnTheWallClock(t *testing.T) {
	if s, err := ParseSchedule("30 2 31 2 *"); err == nil {
		t.Errorf("the 31st of February is %v", s.Next(time.Now()))
	}
}
