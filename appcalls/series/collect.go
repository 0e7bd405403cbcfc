package series

import (
	"math"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Describe is part of prometheus.Collector. What the application will define is not known: nothing is announced.
func (b *Board) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector.
func (b *Board) Collect(to chan<- prometheus.Metric) {
	for _, m := range b.present() {
		to <- m
	}
}

// Rejected counts definitions and series over a limit.
func (b *Board) Rejected() uint64 { return b.rejected.Load() }

// Cells tells how many are taken.
func (b *Board) Cells() (used, limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used - len(b.free), b.limits.Cells
}

// present reads all series.
func (b *Board) present() (all []prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.list {
		if m.replaced {
			continue
		}
		labels := m.Labels
		if m.Kind == LiveEach {
			labels = append(labels[:len(labels):len(labels)], "pid")
		}
		desc := prometheus.NewDesc(m.Name, m.Help, labels, nil)
		for _, f := range m.order {
			all = b.appendFamily(all, desc, f)
		}
	}
	return all
}

func (b *Board) appendFamily(all []prometheus.Metric, desc *prometheus.Desc, f *family) []prometheus.Metric {
	switch kind := f.metric.Kind; kind {
	case Counter:
		return append(all, prometheus.MustNewConstMetric(desc, prometheus.CounterValue, b.value(f.base), f.values...))
	case Gauge:
		return append(all, prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, b.value(f.base), f.values...))
	case Summary:
		return append(all, prometheus.MustNewConstSummary(desc, whole(b.value(f.base)), b.value(f.base+1), nil, f.values...))
	case Histogram:
		return append(all, b.histogram(desc, f))
	case LiveEach:
		seen := map[int]bool{} // a process says its pid itself, and no series may be there twice
		for owner, cell := range f.own {
			if seen[owner.PID] {
				continue
			}
			seen[owner.PID] = true
			values := append(f.values[:len(f.values):len(f.values)], strconv.Itoa(owner.PID))
			all = append(all, prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, b.value(cell), values...))
		}
		return all
	default:
		if len(f.own) == 0 && kind != LiveSum {
			return all // nobody has a least or a greatest
		}
		return append(all, prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, b.fold(kind, f.own), f.values...))
	}
}

// fold makes one number of those of the processes.
func (b *Board) fold(kind Kind, own map[Owner]int) float64 {
	result, first := 0.0, true
	for _, cell := range own {
		value := b.value(cell)
		switch {
		case kind == LiveSum:
			result += value
		case first || kind == LiveMin && value < result || kind == LiveMax && value > result:
			result = value
		}
		first = false
	}
	return result
}

// histogram reads the buckets one after the other; their sum is the count, so that the two agree.
func (b *Board) histogram(desc *prometheus.Desc, f *family) prometheus.Metric {
	buckets, count := make(map[float64]uint64, len(f.metric.Buckets)), uint64(0)
	for i, bound := range f.metric.Buckets {
		count += whole(b.value(f.base + i))
		buckets[bound] = count
	}
	last := f.base + len(f.metric.Buckets)
	count += whole(b.value(last))
	return prometheus.MustNewConstHistogram(desc, count, b.value(last+1), buckets, f.values...)
}

// whole makes a number of events of what a worker may have written.
func whole(value float64) uint64 {
	if !(value > 0) || math.IsInf(value, 0) || value >= 1<<63 {
		return 0
	}
	return uint64(value)
}
