package server

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"time"

	"penknife/control"
	"penknife/metrics"
	"penknife/server/history"
	"penknife/server/usage"
	"penknife/workers"
)

// runningShown bounds how many requests in flight a report lists.
const runningShown = 100

// report gives the whole picture, and keeps the history going for a few seconds.
func (s *Server) report() control.Report {
	now := time.Now()
	snapshot := s.engine.Snapshot()
	usage := s.usage.Processes(snapshot)
	r := control.Report{
		Status: s.statusOf(snapshot, now), At: now, GoVersion: runtime.Version(), CPUs: runtime.NumCPU(), Traffic: s.traffic(),
		Memory: memoryOf(snapshot, usage), History: s.history.Past(), Running: s.running(), Errors: s.errors(),
		ErrorsAll: s.incidents.Total(), Past: s.reloads.latest(), Cache: s.cacheReport(now),
	}
	err := s.ready()
	if r.Ready = err == nil; !r.Ready {
		r.NotReady = err.Error()
	}
	for _, key := range s.inForce.Load().Settings() {
		source := key.Source.String()
		r.Settings = append(r.Settings, control.Setting{
			Key: key.Path, Value: key.Value, Source: source, Default: source == "default",
		})
	}
	return r
}

// The entries of the response cache that are asked for most: finding them takes a look at each entry.
const (
	hottestShown = 10
	hottestAge   = 5 * time.Second
)

// cacheReading is what the response cache held.
type cacheReading struct {
	at    time.Time
	stats control.CacheStats
}

// cacheReport describes the response cache, as it was hottestAge ago at most; nil: there is none.
func (s *Server) cacheReport(now time.Time) *control.CacheStats {
	if s.cache == nil {
		return nil
	}
	last := s.cacheSeen.Load()
	if last == nil || now.Sub(last.at) >= hottestAge {
		last = &cacheReading{now, cacheControl{s.cache}.CacheStats(hottestShown)}
		s.cacheSeen.Store(last)
	}
	return &last.stats
}

func (s *Server) traffic() control.Traffic {
	totals := s.metrics.Requests.Totals()
	t := control.Traffic{
		Classes: totals.Classes, Latency: history.LatencyOf(&totals.Total), Queue: history.LatencyOf(&totals.Queue), App: history.LatencyOf(&totals.App),
	}
	t.Requests = total(totals)
	return t
}

func total(t *metrics.Totals) (requests uint64) {
	for _, n := range t.Classes {
		requests += n
	}
	return requests
}

func memoryOf(snapshot workers.Snapshot, usage *usage.Reading) control.Memory {
	m := control.Memory{Server: usage.Of[os.Getpid()].Resident, Zygote: usage.Of[snapshot.ZygotePID].Resident}
	for _, g := range snapshot.Generations() {
		for _, w := range g.Workers {
			m.Workers += usage.Of[w.PID].Resident
		}
	}
	return m
}

// rememberedErrors is how many different errors the status page can show.
const rememberedErrors = 50

// running lists what is in flight, longest first.
func (s *Server) running() []control.Running {
	all := []control.Running{}
	for _, r := range s.engine.Running() {
		all = append(all, control.Running{
			Generation: r.Generation, Request: r.ID, State: r.State.String(), Worker: r.Worker, Thread: r.Thread,
			Method: r.Method, Path: r.Path, Client: r.RemoteAddr, Age: r.Age.Seconds(), App: r.App.Seconds(),
		})
	}
	slices.SortFunc(all, func(a, b control.Running) int {
		return cmp.Or(-cmp.Compare(a.Age, b.Age), cmp.Compare(a.Request, b.Request))
	})
	return all[:min(len(all), runningShown)]
}

// errors lists what is remembered of errors, latest first.
func (s *Server) errors() []control.Incident {
	list := []control.Incident{}
	for _, one := range s.incidents.Recent() {
		incident := control.Incident{First: one.First, Last: one.Last, Count: one.Count, Message: one.Message, Text: one.Text}
		for _, detail := range one.Details {
			if incident.Details == nil {
				incident.Details = map[string]string{}
			}
			incident.Details[detail.Key] = detail.Value
		}
		list = append(list, incident)
	}
	return list
}

// observeMoment is what history asks for each second.
func (s *Server) observeMoment() history.Moment {
	s.pace.Look()
	snapshot := s.engine.Snapshot()
	s.usage.Loads(snapshot, time.Now())
	m := history.Moment{Totals: s.metrics.Requests.Totals(), Busy: snapshot.InFlight > 0 || len(snapshot.Others()) > 0}
	sample := &m.Sample
	for _, g := range snapshot.Generations() {
		sample.Waiting += g.Waiting
		for _, w := range g.Workers {
			if w.State == workers.Ready {
				sample.Ready++
				sample.Threads += max(g.Threads, 1)
				sample.Busy += w.Busy
			}
		}
	}
	usage := s.usage.Processes(snapshot)
	memory := memoryOf(snapshot, usage)
	sample.CPU = usage.CPU
	sample.Memory = memory.Server + memory.Zygote + memory.Workers
	s.pages.Served(total(m.Totals))
	return m
}
