package metrics

import (
	"testing"
	"time"
)

// TestEveryScrapedBoundIsFine: a bound that is not would be missing from the page.
func TestEveryScrapedBoundIsFine(t *testing.T) {
	known := map[float64]bool{}
	last := time.Duration(0)
	for _, bound := range fineBounds {
		known[bound.Seconds()] = true
		if bound <= last || last > 0 && float64(bound)/float64(last) > 4./3 {
			t.Errorf("%v follows %v", bound, last)
		}
		last = bound
	}
	for _, bound := range scraped {
		if !known[bound] {
			t.Errorf("%v is not a fine bound", bound)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var d durations
	var before, c Counts
	if q := c.Quantile(.5); q != 0 {
		t.Errorf("of nothing: %v", q)
	}
	d.add(time.Hour)
	d.addTo(&before)
	for i := range 1000 {
		d.add(time.Duration(i+1) * time.Millisecond)
	}
	d.addTo(&c)
	if q := c.Quantile(1); q != 80*time.Second {
		t.Errorf("above all bounds: %v", q)
	}
	grown := c.Since(&before)
	if grown.Total() != 1000 {
		t.Errorf("%d counted", grown.Total())
	}
	// Within a bucket the durations are even, so that the interpolation is right to a millisecond.
	for q, want := range map[float64]time.Duration{.5: 500 * time.Millisecond, .95: 950 * time.Millisecond, .99: 990 * time.Millisecond} {
		if got := grown.Quantile(q); (got - want).Abs() > 2*time.Millisecond {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
}

func TestBucketsOfDurations(t *testing.T) {
	for took, bucket := range map[time.Duration]int{
		-1: 0, 0: 0, 10 * time.Microsecond: 0, 10*time.Microsecond + 1: 1, 100 * time.Microsecond: 10,
		80 * time.Second: fine - 1, 80*time.Second + 1: fine,
	} {
		var d durations
		d.add(took)
		if d.counts[bucket].Load() != 1 {
			t.Errorf("%v is not in bucket %d", took, bucket)
		}
	}
}

func BenchmarkDurations(b *testing.B) {
	var d durations
	for b.Loop() {
		d.add(12 * time.Millisecond)
	}
}
