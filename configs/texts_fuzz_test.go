package configs

import (
	"math"
	"testing"
	"time"
)

// FuzzTexts: whatever stands in a variable, a flag or a file for a value, it is refused, or it is one that its own text gives
// back.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"64KiB", "10 MB", "9223372036854775807", "8388608TiB", "0o644", "0001", "10%", "-0%", "+7%", "0.25", "NaN", "nan%", "Inf", "0x1p-3", "1e999", "-0", "60s", "1m30s",
		"0", "1e3s", "-1h", "9223372036854775808ns", "true", "auto", "2-16", " 2 - 16", "16-2", "1-99999999999999999999", "*/5 * * * *", "@daily", "@every 90s", "@every -1s", "CRON_TZ=UTC", "CRON_TZ=UTC * * * * *",
		"TZ=", "TZ= * * * * *", "59 23 31 2 *", "*/0 * * * *", "60 * * * *", "5-1 * * * *", "/health?x", "//host/", "http://u@h/", "http://h:x/", "https://[::1]:8/ ", "unix:/dev/log", "127.0.0.1:80", "unix:@a,b",
		"systemd:a", "fd:3", ":80", "[::1]:443"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		gives := func(value any, err error, again func() (any, error)) {
			t.Helper()
			if err != nil {
				return
			}
			if same, err := again(); err != nil || same != value {
				t.Errorf("%q is %v, and then %v, %v", text, value, same, err)
			}
		}
		size, err := ParseByteSize(text)
		gives(size, err, func() (any, error) { return ParseByteSize(size.String()) })
		mode, err := ParseFileMode(text)
		gives(mode, err, func() (any, error) { return ParseFileMode(mode.String()) })
		percent, err := ParsePercent(text)
		gives(percent, err, func() (any, error) { return ParsePercent(percent.String()) })
		ratio, err := ParseRatio(text)
		gives(ratio, err, func() (any, error) { return ParseRatio(ratio.String()) })
		duration, err := ParseDuration(text)
		gives(duration, err, func() (any, error) { return ParseDuration(formatDuration(duration)) })
		processes, err := ParseProcesses(text)
		gives(processes, err, func() (any, error) { return ParseProcesses(processes.String()) })
		if size < 0 || math.IsNaN(float64(ratio)) {
			t.Errorf("%q is %v and %v", text, size, ratio)
		}
		if schedule, err := ParseSchedule(text); err == nil {
			now := time.Unix(1e9, 0)
			if next := schedule.Next(now); !next.IsZero() && !next.After(now) {
				t.Errorf("%q: after %v comes %v", text, now, next)
			}
		}
		if u, err := ParseWarmup(text); err == nil && u.Path == "" && u.Host == "" {
			t.Errorf("%q is %v", text, u)
		}
		_, _ = parseAddress(text)
		for name := range rlimitUnits {
			_, _ = parseRlimit(name, text)
		}
	})
}
