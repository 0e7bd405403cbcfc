package admin

import (
	"fmt"
	"time"

	"penknife/control"
)

// fresh is how old the latest sample may be to be called the present.
const fresh = 3 * time.Second

// present gives the latest sample, or an empty one when it is too old.
func present(r *control.Report) *control.Sample {
	if n := len(r.History); n > 0 && r.At.Sub(r.History[n-1].At) < fresh {
		return &r.History[n-1]
	}
	return &control.Sample{}
}

// charts are the plots of the last five minutes.
func charts(r *control.Report) []chart {
	return []chart{rateChart(r), latencyChart(r), queueChart(r), workersChart(r), loadChart(r), memoryChart(r)}
}

func windowText(r *control.Report) string {
	if minutes := int(windowOf(r).Minutes()); minutes > 1 {
		return fmt.Sprintf("last %d minutes", minutes)
	}
	return "last minute"
}

func perSecond(n uint64, s *control.Sample) float64 {
	if s.Seconds <= 0 {
		return 0
	}
	return float64(n) / s.Seconds
}

func rateChart(r *control.Report) chart {
	rate := func(s *control.Sample) float64 { return perSecond(s.Requests, s) }
	failures := func(s *control.Sample) float64 { return perSecond(s.Errors, s) }
	p, now := newPlot(r, 1, rate), present(r)
	line, area := p.filled(rate)
	bad, badArea := p.filled(failures)
	return chart{
		Name: "Requests", Note: windowText(r), Value: digits(rate(now)), Unit: "per second", Top: digits(p.top),
		Label: "Requests per second: now " + digits(rate(now)) + ", errors " + digits(failures(now)),
		Series: []series{
			{Name: "all", Class: "c1", Now: digits(rate(now)), Line: line, Area: area},
			{Name: "5xx", Class: "c4", Now: digits(failures(now)), Line: bad, Area: badArea},
		},
	}
}

func latencyChart(r *control.Report) chart {
	p50 := func(s *control.Sample) float64 { return s.Latency.P50 }
	p95 := func(s *control.Sample) float64 { return s.Latency.P95 }
	p99 := func(s *control.Sample) float64 { return s.Latency.P99 }
	p, now := newPlot(r, .001, p99), present(r)
	p.logarithmic(p50)
	value := "–"
	if now.Requests > 0 {
		value = duration(now.Latency.P95)
	}
	one := func(name, class string, of func(*control.Sample) float64) series {
		text := "–"
		if now.Requests > 0 {
			text = duration(of(now))
		}
		return series{Name: name, Class: class, Now: text, Line: p.line(of)}
	}
	return chart{
		Name: "Latency", Note: "whole request", Value: value, Unit: "p95", Top: duration(p.top), Bottom: duration(p.bottom),
		Label:  "Latency: now p50 " + duration(now.Latency.P50) + ", p95 " + duration(now.Latency.P95) + ", p99 " + duration(now.Latency.P99),
		Series: []series{one("p99", "c3", p99), one("p95", "c1", p95), one("p50", "c2", p50)},
	}
}

func queueChart(r *control.Report) chart {
	waiting := func(s *control.Sample) float64 { return float64(s.Waiting) }
	p := newPlot(r, 5, waiting)
	line, area := p.filled(waiting)
	now := r.Current.Waiting
	return chart{
		Name: "Queue", Note: plural(r.Current.Places, "place", "places"), Value: grouped(uint64(now)), Unit: "waiting", Top: digits(p.top),
		Label: "Requests that wait for a worker: " + grouped(uint64(now)),
		Series: []series{{
			Name: "waiting, p95 since the start", Class: "c5", Now: duration(r.Traffic.Queue.P95), Line: line, Area: area,
		}},
	}
}

func workersChart(r *control.Report) chart {
	busy := func(s *control.Sample) float64 { return float64(s.Busy) }
	threads := func(s *control.Sample) float64 { return float64(s.Threads) }
	p := newPlot(r, 2, threads)
	line, area := p.filled(busy)
	nowBusy, nowThreads := capacity(r)
	return chart{
		Name: "Workers", Note: plural(readyWorkers(r), "worker", "workers") + " ready", Value: grouped(uint64(nowBusy)),
		Unit: "of " + plural(nowThreads, "thread", "threads") + " busy", Top: digits(p.top),
		Label: plural(nowBusy, "thread", "threads") + " of " + grouped(uint64(nowThreads)) + " busy",
		Series: []series{
			{Name: "threads", Class: "c6", Now: grouped(uint64(nowThreads)), Line: p.line(threads)},
			{Name: "busy", Class: "c2", Now: grouped(uint64(nowBusy)), Line: line, Area: area},
		},
	}
}

func loadChart(r *control.Report) chart {
	used := func(s *control.Sample) float64 { return s.CPU }
	p, now := newPlot(r, 1, used), present(r)
	line, area := p.filled(used)
	return chart{
		Name: "Processor", Note: plural(r.CPUs, "CPU", "CPUs") + " here", Value: digits(now.CPU), Unit: "CPUs in use", Top: digits(p.top),
		Label:  "Processors in use: " + digits(now.CPU) + " of " + digits(float64(r.CPUs)),
		Series: []series{{Name: "penknife and its processes", Class: "c1", Now: digits(now.CPU), Line: line, Area: area}},
	}
}

func memoryChart(r *control.Report) chart {
	memory := func(s *control.Sample) float64 { return float64(s.Memory) / (1 << 20) }
	p := newPlot(r, 16, memory)
	m := r.Memory
	all := size(m.Server + m.Zygote + m.Workers)
	return chart{
		Name: "Memory", Note: "resident", Value: all, Top: digits(p.top) + " MiB",
		Label: "Resident memory: " + all,
		Series: []series{
			{Name: "all", Class: "c3", Now: all, Line: p.line(memory)},
			{Name: "workers", Class: "c6", Now: size(m.Workers)},
			{Name: "penknife", Class: "c6", Now: size(m.Server)},
		},
	}
}

// capacity counts the threads of the workers that are ready, and the busy ones among them.
func capacity(r *control.Report) (busy, threads int) {
	for _, g := range r.Generations() {
		for _, w := range g.Workers {
			if w.State == "ready" {
				busy += w.Busy
				threads += max(g.Threads, 1)
			}
		}
	}
	return busy, threads
}

func readyWorkers(r *control.Report) (n int) {
	for _, g := range r.Generations() {
		for _, w := range g.Workers {
			if w.State == "ready" {
				n++
			}
		}
	}
	return n
}
