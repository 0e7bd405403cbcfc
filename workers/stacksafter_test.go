package workers

import (
	"testing"
	"time"
)

func TestStacksAfter_LeavesTimeToWriteThem(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		0: 0, 200 * time.Millisecond: 100 * time.Millisecond, time.Second: 500 * time.Millisecond, 2 * time.Second: 1500 * time.Millisecond,
		5 * time.Second: 4500 * time.Millisecond, time.Minute: 54 * time.Second,
	} {
		if got := stacksAfter(timeout); got != want {
			t.Errorf("%v: after %v, want %v", timeout, got, want)
		}
	}
}
