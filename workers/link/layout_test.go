package link

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestLayoutMatchesHeader compares every constant of layout.go with its definition in the C header.
func TestLayoutMatchesHeader(t *testing.T) {
	text, err := os.ReadFile("../../python/accel/layout.h")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]uint64{}
	for _, m := range regexp.MustCompile(`(?m)^#define PK_(\w+) (0x[0-9a-f]+|\d+)`).FindAllStringSubmatch(string(text), -1) {
		value, err := strconv.ParseUint(m[2], 0, 64)
		if err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
		defined[m[1]] = value
	}
	source, err := os.ReadFile("layout.go")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+)\s+= (0x[0-9a-f]+|\d+)$`).FindAllStringSubmatch(string(source), -1) {
		name, value := headerName(m[1]), m[2]
		want, err := strconv.ParseUint(value, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := defined[name]
		if !ok || got != want {
			t.Errorf("%s is %d in layout.go; PK_%s is %d (defined: %v) in layout.h", m[1], want, name, got, ok)
		}
		delete(defined, name)
		compared++
	}
	if compared < 50 || len(defined) > 0 {
		t.Errorf("compared %d constants; only in layout.h: %v", compared, defined)
	}
}

// headerName turns hOffLanes into H_OFF_LANES and layoutMagic into MAGIC.
func headerName(name string) string {
	spaced := regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "${1}_${2}")
	upper := strings.ToUpper(spaced)
	for _, prefix := range []string{"LAYOUT_", "STATE_"} {
		upper = strings.TrimPrefix(upper, prefix)
	}
	return upper
}
