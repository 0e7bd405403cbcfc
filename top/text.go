package top

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"penknife/control"
)

// clean makes text of a stranger harmless: what could drive the terminal becomes a dot.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text)
}

// pad fills a line up to the width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-ansi.StringWidth(text), 0))
}

// age writes a time in the two largest units.
func age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// brief writes a latency with three digits.
func brief(seconds float64) string {
	switch {
	case seconds <= 0:
		return "-"
	case seconds < 0.001:
		return fmt.Sprintf("%.0fµs", seconds*1e6)
	case seconds < 0.1:
		return fmt.Sprintf("%.1fms", seconds*1e3)
	case seconds < 1:
		return fmt.Sprintf("%.0fms", seconds*1e3)
	}
	return fmt.Sprintf("%.1fs", seconds)
}

// size writes bytes in a binary unit.
func size(n int64) string {
	if n <= 0 {
		return "-"
	}
	value, unit := float64(n), 0
	for value >= 1000 && unit < 4 {
		value, unit = value/1024, unit+1
	}
	if value < 10 && unit > 0 {
		return fmt.Sprintf("%.1f%s", value, [...]string{"B", "K", "M", "G", "T"}[unit])
	}
	return fmt.Sprintf("%.0f%s", value, [...]string{"B", "K", "M", "G", "T"}[unit])
}

// spark draws requests a second, one column for each second up to now, the latest at the right. Seconds without a sample
// had no requests.
func spark(history []control.Sample, now time.Time, width int) string {
	const bars = "▁▂▃▄▅▆▇█"
	columns := make([]float64, min(width, 60))
	top := 0.0
	for _, s := range history {
		ago := int(now.Sub(s.At).Seconds())
		if ago < 0 || ago >= len(columns) || s.Seconds <= 0 {
			continue
		}
		i := len(columns) - 1 - ago
		columns[i] = float64(s.Requests) / s.Seconds
		top = max(top, columns[i])
	}
	var b strings.Builder
	for _, value := range columns {
		if value == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune([]rune(bars)[min(int(value/top*8), 7)])
	}
	return b.String()
}
