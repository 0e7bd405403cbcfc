package testkit

import (
	"math"
	"time"
)

// Series is readings of one figure over time. It is not for several goroutines at once.
type Series struct {
	at, values []float64 // seconds, and what was read then
}

// Add takes a reading; at must not go back.
func (s *Series) Add(at time.Duration, value float64) {
	s.at, s.values = append(s.at, at.Seconds()), append(s.values, value)
}

// Trend is the straight line that fits a series best.
type Trend struct {
	// Readings is how many there were.
	Readings int
	// Mean is their average, and Rise how much the line climbs from the first one to the last; below zero it falls.
	Mean, Rise float64
	// Noise is the standard deviation of the readings from the line.
	Noise float64
}

// Trend fits a line by least squares through the readings that were taken at from or later. With less than three it is
// all zero but Readings.
func (s *Series) Trend(from time.Duration) Trend {
	at, values := s.since(from)
	n := float64(len(at))
	trend := Trend{Readings: len(at)}
	if len(at) < 3 {
		return trend
	}
	meanAt := 0.0
	for i := range at {
		meanAt += at[i] / n
		trend.Mean += values[i] / n
	}
	var product, square float64
	for i := range at {
		product += (at[i] - meanAt) * (values[i] - trend.Mean)
		square += (at[i] - meanAt) * (at[i] - meanAt)
	}
	slope := product / square
	for i := range at {
		off := values[i] - trend.Mean - slope*(at[i]-meanAt)
		trend.Noise += off * off / n
	}
	trend.Noise = math.Sqrt(trend.Noise)
	trend.Rise = slope * (at[len(at)-1] - at[0])
	return trend
}

// Quarters gives the averages of the first to the last quarter of the readings that were taken at from or later.
func (s *Series) Quarters(from time.Duration) (means [4]float64) {
	_, values := s.since(from)
	for q := range means {
		part := values[q*len(values)/4 : (q+1)*len(values)/4]
		for _, value := range part {
			means[q] += value / float64(len(part))
		}
	}
	return means
}

func (s *Series) since(from time.Duration) (at, values []float64) {
	first := 0
	for first < len(s.at) && s.at[first] < from.Seconds() {
		first++
	}
	return s.at[first:], s.values[first:]
}
