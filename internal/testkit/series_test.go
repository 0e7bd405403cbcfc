package testkit

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestTrend: a line is found below noise and below a sawtooth, and what came before the window does not count.
func TestTrend(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tests := []struct {
		name              string
		value             func(second int) float64
		rise, noise, near float64
	}{
		{"flat", func(int) float64 { return 7 }, 0, 0, 1e-9},
		{"a leak of one a second", func(i int) float64 { return 50 + float64(i) }, 899, 0, 1e-6},
		{"a leak below noise", func(i int) float64 { return float64(i)/100 + 10*(random.Float64()-0.5) }, 8.99, 2.9, 1},
		{"a sawtooth, as of a garbage collector", func(i int) float64 { return 100 + float64(i%30) }, 0, 8.66, 1},
		{"growth at the start only", func(i int) float64 { return float64(min(i, 100)) }, 0, 0, 1e-9},
		{"falling", func(i int) float64 { return -2 * float64(i) }, -1798, 0, 1e-6},
	}
	for _, test := range tests {
		var s Series
		for i := range 1000 {
			s.Add(time.Duration(i)*time.Second, test.value(i))
		}
		trend := s.Trend(100 * time.Second)
		if math.Abs(trend.Rise-test.rise) > test.near || math.Abs(trend.Noise-test.noise) > test.near || trend.Readings != 900 {
			t.Errorf("%s: %+v, want a rise of %v with a noise of %v", test.name, trend, test.rise, test.noise)
		}
	}
	var steps Series
	for i := range 80 {
		steps.Add(time.Duration(i)*time.Second, float64(i/10))
	}
	if got := steps.Quarters(40 * time.Second); math.Abs(got[0]-4) > 1e-9 || math.Abs(got[3]-7) > 1e-9 {
		t.Errorf("quarters: %v", got)
	}
	var s Series
	s.Add(0, 1)
	if trend := s.Trend(0); trend != (Trend{Readings: 1}) {
		t.Errorf("of one reading: %+v", trend)
	}
}
