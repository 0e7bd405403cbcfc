package httpdate

import (
	"testing"
	"time"
)

// The example date is that of RFC 9110 section 5.6.7.
func TestLine_FollowsTheClock(t *testing.T) {
	var l Line
	at := time.Date(1994, 11, 6, 9, 49, 37, 999, time.FixedZone("elsewhere", 3600))
	if got := string(l.Append([]byte("X: 1\r\n"), at)); got != "X: 1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(l.Append(nil, at.Add(time.Second))); got != "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n" {
		t.Errorf("a second later: %q", got)
	}
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { l.Append(dst, at) }); n != 0 {
		t.Errorf("%v allocations within one second", n)
	}
}
