package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Pool is what the workers are at the moment of a scrape.
type Pool struct {
	Ready      bool   // requests can be answered: what /readyz says
	Python     string // version of the interpreter; empty: not known yet
	Generation uint64
	Draining   int // generations that were replaced and finish what they hold
	CrashLoop  bool

	Waiting  int // requests that no worker has taken yet
	InFlight int // those, and the ones that are being served or sent
	Places   int // how many there can be in flight
	Threads  int // requests that ready workers can hold at once
	Busy     int // requests that ready workers hold

	States    []string // every name that a worker's state can have
	Workers   []PoolWorker
	ZygoteRSS int64 // bytes; 0: not known
}

// PoolWorker is one process in a Pool.
type PoolWorker struct {
	Index     int // reused after its end, so that it is bounded by the number of workers
	State     string
	RSS       int64         // bytes; 0: not known
	CPU       time.Duration // that the process has used
	Anonymous int64         // those of them that are no files and no shared memory: what workers.max_rss is about
}

// poolCollector shows a Pool. Every scrape takes a fresh one, so nothing is counted in between.
type poolCollector struct {
	take func() Pool
	list []poolMetric

	workers, resident, anonymous, cpu, zygote, python *prometheus.Desc
}

// poolMetric is one number of a Pool.
type poolMetric struct {
	desc *prometheus.Desc
	of   func(*Pool) float64
}

func newPoolCollector(take func() Pool) *poolCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &poolCollector{
		take: take,
		list: []poolMetric{
			{desc("penknife_ready", "1 when requests can be answered, as /readyz says."),
				func(p *Pool) float64 { return oneIf(p.Ready) }},
			{desc("penknife_requests_in_flight", "Requests that wait for a worker, are in the application, or are being sent."),
				func(p *Pool) float64 { return float64(p.InFlight) }},
			{desc("penknife_queue_requests", "Requests that wait for a worker."),
				func(p *Pool) float64 { return float64(p.Waiting) }},
			{desc("penknife_queue_places", "How many requests can be in flight: workers.queue and one for each thread."),
				func(p *Pool) float64 { return float64(p.Places) }},
			{desc("penknife_worker_threads", "Requests that the workers which are ready can hold at once."),
				func(p *Pool) float64 { return float64(p.Threads) }},
			{desc("penknife_worker_threads_busy", "Requests that the workers which are ready hold."),
				func(p *Pool) float64 { return float64(p.Busy) }},
			{desc("penknife_worker_busy_ratio", "Busy threads of all threads of the workers which are ready, 0 to 1."),
				func(p *Pool) float64 { return float64(p.Busy) / float64(max(p.Threads, 1)) }},
			{desc("penknife_generation_number", "Which generation serves: 1 after the start, one more with each reload that was tried."),
				func(p *Pool) float64 { return float64(p.Generation) }},
			{desc("penknife_generations_draining", "Replaced generations that finish what they hold."),
				func(p *Pool) float64 { return float64(p.Draining) }},
			{desc("penknife_crash_loop", "1 while workers keep dying and replacements are delayed."),
				func(p *Pool) float64 { return oneIf(p.CrashLoop) }},
		},
		workers:   desc("penknife_workers", "Worker processes, by state.", "state"),
		resident:  desc("penknife_worker_resident_memory_bytes", "Resident memory of a worker; memory that processes share counts in each.", "worker"),
		anonymous: desc("penknife_worker_anonymous_memory_bytes", "Resident memory of a worker without files and shared memory, as workers.max_rss has it.", "worker"),
		cpu:       desc("penknife_worker_cpu_seconds_total", "Processor time of a worker; it begins anew with each process.", "worker"),
		zygote:    desc("penknife_zygote_resident_memory_bytes", "Resident memory of the process that workers are forked from."),
		python:    desc("penknife_python_info", "Always 1; the label is the version of the interpreter.", "version"),
	}
}

// Describe is part of prometheus.Collector.
func (c *poolCollector) Describe(out chan<- *prometheus.Desc) {
	for _, one := range c.list {
		out <- one.desc
	}
	for _, desc := range []*prometheus.Desc{c.workers, c.resident, c.anonymous, c.cpu, c.zygote, c.python} {
		out <- desc
	}
}

// Collect is part of prometheus.Collector.
func (c *poolCollector) Collect(out chan<- prometheus.Metric) {
	pool := c.take()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, one := range c.list {
		gauge(one.desc, one.of(&pool))
	}
	count := map[string]int{}
	for _, w := range pool.Workers {
		count[w.State]++
		if w.RSS > 0 {
			gauge(c.resident, float64(w.RSS), strconv.Itoa(w.Index))
			gauge(c.anonymous, float64(w.Anonymous), strconv.Itoa(w.Index))
			out <- prometheus.MustNewConstMetric(c.cpu, prometheus.CounterValue, w.CPU.Seconds(), strconv.Itoa(w.Index))
		}
	}
	for _, state := range pool.States {
		gauge(c.workers, float64(count[state]), state)
	}
	if pool.ZygoteRSS > 0 {
		gauge(c.zygote, float64(pool.ZygoteRSS))
	}
	if pool.Python != "" {
		gauge(c.python, 1, pool.Python)
	}
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
