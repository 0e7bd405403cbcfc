package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// fine is how many bounds there are: from 10 µs, below which everything is one bucket, to 80 s, above which it is too.
const fine = 70

// fineBounds are the upper bounds of the buckets, inclusive, in nanoseconds: ten in each decade. Those of scraped are
// among them.
var fineBounds = [fine]time.Duration{
	10_000, 12_500, 16_000, 20_000, 25_000, 30_000, 40_000, 50_000, 60_000, 80_000,
	100_000, 125_000, 160_000, 200_000, 250_000, 300_000, 400_000, 500_000, 600_000, 800_000,
	1_000_000, 1_250_000, 1_600_000, 2_000_000, 2_500_000, 3_000_000, 4_000_000, 5_000_000, 6_000_000, 8_000_000,
	10_000_000, 12_500_000, 16_000_000, 20_000_000, 25_000_000, 30_000_000, 40_000_000, 50_000_000, 60_000_000, 80_000_000,
	100_000_000, 125_000_000, 160_000_000, 200_000_000, 250_000_000, 300_000_000, 400_000_000, 500_000_000, 600_000_000, 800_000_000,
	1_000_000_000, 1_250_000_000, 1_600_000_000, 2_000_000_000, 2_500_000_000, 3_000_000_000, 4_000_000_000, 5_000_000_000, 6_000_000_000, 8_000_000_000,
	10_000_000_000, 12_500_000_000, 16_000_000_000, 20_000_000_000, 25_000_000_000, 30_000_000_000, 40_000_000_000, 50_000_000_000, 60_000_000_000, 80_000_000_000,
}

// scraped are the bounds that a scrape shows, in seconds: from a cached answer to the default request timeout.
var scraped = [...]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// Counts is how many durations fell into each bucket, finely enough for percentiles on the status page. The last is
// for those above all bounds.
type Counts [fine + 1]uint64

// Since gives what was counted after an earlier reading.
func (c *Counts) Since(earlier *Counts) Counts {
	var grown Counts
	for i := range c {
		grown[i] = c[i] - earlier[i]
	}
	return grown
}

// Total is how many durations were counted.
func (c *Counts) Total() (n uint64) {
	for _, count := range c {
		n += count
	}
	return n
}

// Quantile gives the duration that the part q (0 to 1) of all does not exceed, interpolated within its bucket; 0 when
// nothing was counted. It is right to the width of a bucket, at most a third.
func (c *Counts) Quantile(q float64) time.Duration {
	rank := q * float64(c.Total())
	if rank <= 0 {
		return 0
	}
	seen := 0.0
	for i, count := range c {
		if seen += float64(count); count == 0 || seen < rank {
			continue
		}
		if i == fine {
			break
		}
		lower := time.Duration(0)
		if i > 0 {
			lower = fineBounds[i-1]
		}
		part := 1 - (seen-rank)/float64(count)
		return lower + time.Duration(part*float64(fineBounds[i]-lower))
	}
	return fineBounds[fine-1]
}

// durations counts durations. Adding one costs a search and two atomic additions, and takes no lock; a scrape makes a
// classic histogram of it.
type durations struct {
	counts [fine + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (d *durations) add(took time.Duration) {
	low, high := 0, fine
	for low < high {
		if middle := int(uint(low+high) >> 1); fineBounds[middle] < took {
			low = middle + 1
		} else {
			high = middle
		}
	}
	d.counts[low].Add(1)
	d.sum.Add(int64(took))
}

// addTo adds what was counted so far.
func (d *durations) addTo(counts *Counts) {
	for i := range d.counts {
		counts[i] += d.counts[i].Load()
	}
}

// histogram shows durations under a description with labels.
type histogram struct {
	desc   *prometheus.Desc
	of     []*durations
	labels [][]string // of each of them
}

// Describe is part of prometheus.Collector.
func (h *histogram) Describe(out chan<- *prometheus.Desc) { out <- h.desc }

// Collect is part of prometheus.Collector.
func (h *histogram) Collect(out chan<- prometheus.Metric) {
	for i, d := range h.of {
		var counts Counts
		d.addTo(&counts)
		buckets := make(map[float64]uint64, len(scraped))
		var seen uint64
		next := 0
		for j, bound := range fineBounds {
			seen += counts[j]
			if next < len(scraped) && bound.Seconds() == scraped[next] {
				buckets[scraped[next]] = seen
				next++
			}
		}
		sum := time.Duration(d.sum.Load()).Seconds()
		out <- prometheus.MustNewConstHistogram(h.desc, counts.Total(), sum, buckets, h.labels[i]...)
	}
}
