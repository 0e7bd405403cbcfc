package testkit

import (
	"testing"
	"time"
)

func TestStepped(t *testing.T) {
	now := time.Now()
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		got := Stepped(now, by)
		if got.Sub(now) != 0 || got.UnixNano()-now.UnixNano() != int64(by) || got.Add(time.Second).Sub(now) != time.Second {
			t.Errorf("%v: %v later, date %v later", by, got.Sub(now), time.Duration(got.UnixNano()-now.UnixNano()))
		}
	}
}
