package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// duration writes seconds in the unit that suits them, with about three digits.
func duration(seconds float64) string {
	switch {
	case seconds <= 0:
		return "0"
	case seconds < 0.001:
		return digits(seconds*1e6) + " µs"
	case seconds < 1:
		return digits(seconds*1e3) + " ms"
	case seconds < 100:
		return digits(seconds) + " s"
	}
	return span(seconds)
}

// span writes a long time: "2 d 3 h".
func span(seconds float64) string {
	s := int64(seconds)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
}

// size writes bytes with a binary unit.
func size(bytes int64) string {
	value, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	return digits(value) + " " + units[0]
}

// digits writes a number with about three digits.
func digits(value float64) string {
	switch {
	case value >= 1e6:
		return digits(value/1e6) + " M"
	case value >= 1e5:
		return digits(value/1e3) + " k"
	case value >= 99.95:
		return grouped(uint64(value + .5))
	case value >= 9.995:
		return trimZeros(strconv.FormatFloat(value, 'f', 1, 64))
	}
	return trimZeros(strconv.FormatFloat(value, 'f', 2, 64))
}

func trimZeros(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// grouped writes a count with thin spaces between its thousands.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}

// plural writes a count of things.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(uint64(max(n, 0))) + " " + many
}

// percent writes a part.
func percent(part float64) string { return strconv.Itoa(int(part*100+.5)) + " %" }

// clock writes a moment of today as time of day, and any other with its date.
func clock(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format(time.TimeOnly)
	}
	return at.Format("2006-01-02 15:04:05")
}
