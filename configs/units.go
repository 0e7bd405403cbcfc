package configs

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ByteSize is a number of bytes; in YAML and flags "64KiB", "10MB", "512" (bytes).
type ByteSize int64

// FileMode is the permission bits of a unix socket; in YAML and flags an octal text such as "0660". Zero: 0660.
type FileMode uint32

// defaultMode is what a zero FileMode stands for: the owner and the group of the web server, nobody else.
const defaultMode FileMode = 0o660

// Percent is a part of something; in YAML and flags a whole number of hundredths with its sign, such as "10%".
type Percent int

// Ratio is a part of a whole; in YAML and flags a number from 0 to 1, such as 0.25.
type Ratio float64

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// ParseByteSize reads a size: a whole number with a unit of sizeUnits, in any case, or without one for bytes.
func ParseByteSize(text string) (ByteSize, error) {
	digits := strings.TrimLeft(text, "0123456789")
	number, unit := text[:len(text)-len(digits)], strings.TrimSpace(digits)
	if number == "" {
		return 0, fmt.Errorf("%q is not a size: write a whole number and a unit, such as 64KiB, 10MB or 512", text)
	}
	factor, err := sizeFactor(text, unit)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is too large for a size", text)
	}
	return ByteSize(n * factor), nil
}

func sizeFactor(text, unit string) (int64, error) {
	if unit == "" {
		return 1, nil
	}
	for _, u := range sizeUnits {
		if strings.EqualFold(unit, u.name) {
			return u.bytes, nil
		}
	}
	if len(unit) == 1 && strings.ContainsAny(unit, "kKmMgGtT") {
		return 0, fmt.Errorf("%q could be meant in 1000s or 1024s: write %[2]sB or %[2]siB", text, strings.ToUpper(unit))
	}
	return 0, fmt.Errorf("%q has an unknown unit %q: write B, kB, MB, GB, KiB, MiB or GiB", text, unit)
}

// String gives the shortest exact text that ParseByteSize reads back.
func (s ByteSize) String() string {
	for _, u := range sizeUnits {
		if s > 0 && int64(s)%u.bytes == 0 && u.bytes > 1 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// ParseFileMode reads permission bits written in octal, with or without a leading 0 or 0o.
func ParseFileMode(text string) (FileMode, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || n > 0o777 || n == 0 {
		return 0, fmt.Errorf("%q is not a file mode: write it in octal, from \"0001\" to \"0777\"", text)
	}
	return FileMode(n), nil
}

// Perm gives the bits to set, with the default filled in.
func (m FileMode) Perm() uint32 {
	if m == 0 {
		m = defaultMode
	}
	return uint32(m)
}

// String gives four octal digits.
func (m FileMode) String() string { return fmt.Sprintf("%04o", m.Perm()) }

// ParsePercent reads a percentage. A bare number is refused, since elsewhere such keys count what they change.
func ParsePercent(text string) (Percent, error) {
	digits, signed := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || !signed {
		return 0, fmt.Errorf("%q is not a percentage: write a whole number with its sign, such as 10%%", text)
	}
	return Percent(n), nil
}

// String gives the text that ParsePercent reads back.
func (p Percent) String() string { return strconv.Itoa(int(p)) + "%" }

// ParseRatio reads a part of a whole, as a number or with a percent sign.
func ParseRatio(text string) (Ratio, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(n) {
		return 0, fmt.Errorf("%q is not a part of a whole: write a number from 0 to 1, such as 0.25", text)
	}
	if percent {
		n /= 100
	}
	return Ratio(n), nil
}

// String gives the text that ParseRatio reads back.
func (r Ratio) String() string { return strconv.FormatFloat(float64(r), 'g', -1, 64) }

// ParseDuration reads a duration with its unit. A bare number is refused, because half of its readers take it for
// seconds and the other half for milliseconds.
func ParseDuration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf("%s has no unit: write %[1]ss for seconds or %[1]sms for milliseconds", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write a number with ms, s, m or h, such as 60s or 1m30s", text)
	}
	return d, nil
}

// formatDuration gives whole seconds as people write them (90s, not 1m30s), up to ten minutes.
func formatDuration(d time.Duration) string {
	if d >= 0 && d <= 10*time.Minute && d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

var errNotBool = errors.New("write true or false")

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no: %w", text, errNotBool)
}
