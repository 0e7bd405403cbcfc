package link

import (
	"testing"
	"time"
)

func TestLived_StandsStillWhileTheProcessIsStopped(t *testing.T) {
	var clock lived
	began := time.Now()
	clock.resume(began)
	steps := []struct{ gap, want time.Duration }{
		{scanInterval, scanInterval},
		{5 * scanInterval, 6 * scanInterval}, // a busy machine: the application may have run
		{pausedAfter, 6*scanInterval + pausedAfter},
		{time.Hour, 7*scanInterval + pausedAfter},
		{scanInterval, 8*scanInterval + pausedAfter},
		{time.Minute, 9*scanInterval + pausedAfter},
	}
	now := began
	for _, s := range steps {
		now = now.Add(s.gap)
		if got := clock.at(now).Sub(began); got != s.want {
			t.Errorf("%v later it is %v, want %v", s.gap, got, s.want)
		}
	}
	before := clock.at(now)
	now = now.Add(time.Hour) // nothing was there to be measured
	clock.resume(now)
	if got := clock.at(now.Add(scanInterval)); got.Before(before) {
		t.Errorf("it went back by %v", before.Sub(got))
	}
}
