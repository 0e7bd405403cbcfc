package uwsgistats

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"penknife/control"
)

// document has uWSGI's fields, as far as penknife has something like them.
type document struct {
	Version           string   `json:"version"`
	ListenQueue       int      `json:"listen_queue"`        // requests that wait for a worker
	ListenQueueErrors uint64   `json:"listen_queue_errors"` // requests that were refused because workers.queue was full
	SignalQueue       int      `json:"signal_queue"`        // penknife has no uWSGI signals
	Load              int      `json:"load"`
	PID               int      `json:"pid"`
	UID               int      `json:"uid"`
	GID               int      `json:"gid"`
	CWD               string   `json:"cwd"`
	Daemons           []daemon `json:"daemons"`
	Locks             []any    `json:"locks"`
	Caches            []cache  `json:"caches"`
	Sockets           []socket `json:"sockets"`
	Workers           []worker `json:"workers"`
	Crons             []cron   `json:"crons"`
}

type daemon struct {
	Command  string `json:"cmd"`
	PID      int    `json:"pid"`
	Respawns int    `json:"respawns"`
}

type cache struct {
	Name  string `json:"name"`
	Items int64  `json:"items"`
	Hits  uint64 `json:"hits"`
	Miss  uint64 `json:"miss"`
	Bytes int64  `json:"bytes"`     // penknife counts bytes where uWSGI counts blocks
	Max   int64  `json:"max_bytes"` // as configured
}

type socket struct {
	Name       string `json:"name"`
	Protocol   string `json:"proto"`
	Queue      int    `json:"queue"`     // connections that wait to be accepted, where the kernel tells: TCP
	MaxQueue   int    `json:"max_queue"` // how many may
	Shared     int    `json:"shared"`
	CanOffload int    `json:"can_offload"`
}

type worker struct {
	ID          int    `json:"id"` // from 1
	PID         int    `json:"pid"`
	Accepting   int    `json:"accepting"`
	Requests    uint64 `json:"requests"`       // of all processes that were in this slot
	Delta       uint64 `json:"delta_requests"` // of this process
	Exceptions  uint64 `json:"exceptions"`
	Harakiri    uint64 `json:"harakiri_count"` // requests over workers.request_timeout
	Signals     int    `json:"signals"`
	SignalQueue int    `json:"signal_queue"`
	Status      string `json:"status"` // idle, busy, or cheap: it does not take requests
	RSS         int64  `json:"rss"`
	VSZ         int64  `json:"vsz"`
	RunningTime int64  `json:"running_time"` // microseconds in the application
	LastSpawn   int64  `json:"last_spawn"`   // seconds since 1970
	Respawns    uint64 `json:"respawn_count"`
	Sent        uint64 `json:"tx"`     // bytes of response bodies
	Average     int64  `json:"avg_rt"` // microseconds
	Apps        []app  `json:"apps"`
	Cores       []core `json:"cores"`
}

type app struct {
	ID         int    `json:"id"`
	Modifier1  int    `json:"modifier1"`
	Mountpoint string `json:"mountpoint"`
	Startup    int    `json:"startup_time"`
	Requests   uint64 `json:"requests"`
	Exceptions uint64 `json:"exceptions"`
	Chdir      string `json:"chdir"`
}

type core struct {
	ID          int      `json:"id"`
	Requests    uint64   `json:"requests"` // of the worker, in core 0: threads are not counted one by one
	Static      int      `json:"static_requests"`
	Routed      int      `json:"routed_requests"`
	Offloaded   int      `json:"offloaded_requests"`
	WriteErrors int      `json:"write_errors"`
	ReadErrors  int      `json:"read_errors"`
	InRequest   int      `json:"in_request"`
	Vars        []string `json:"vars"` // method, path and address; the rest may be secret
	Info        struct {
		Start int64 `json:"request_start,omitempty"` // seconds since 1970
	} `json:"req_info"`
}

type cron struct {
	Minute  int    `json:"minute"` // -1: any, or something that one number cannot say
	Hour    int    `json:"hour"`
	Day     int    `json:"day"`
	Month   int    `json:"month"`
	Week    int    `json:"week"`
	Command string `json:"command"`
	Unique  int    `json:"unique"`
	PID     int    `json:"pid"`
	Running int    `json:"running"` // penknife's own field
}

// newDocument translates a report.
func newDocument(r *control.Report, t *Tally, backlogs []Backlog) document {
	version, _, _ := strings.Cut(r.Version, " ") // uwsgitop has a line for it, and of other things
	d := document{
		Version: "penknife-" + version, ListenQueueErrors: t.refused.Load(), PID: r.PID, UID: os.Getuid(), GID: os.Getgid(),
		Daemons: []daemon{}, Locks: []any{}, Caches: []cache{}, Sockets: []socket{}, Workers: []worker{}, Crons: []cron{},
	}
	d.CWD, _ = os.Getwd() // one that is gone has no name
	add := func(g *control.Generation) {
		d.ListenQueue += g.Waiting
		for i := range g.Workers {
			d.Workers = append(d.Workers, newWorker(r, g, &g.Workers[i], t))
		}
	}
	add(&r.Current)
	d.Load = d.ListenQueue
	for _, one := range r.Daemons {
		d.Daemons = append(d.Daemons, daemon{Command: one.Name, PID: one.PID, Respawns: one.Restarts})
	}
	for _, j := range r.Jobs {
		d.Crons = append(d.Crons, newCron(j))
	}
	if c := r.Cache; c != nil {
		d.Caches = append(d.Caches, cache{Name: "http", Items: int64(c.Entries), Hits: c.Hits, Miss: c.Misses, Bytes: c.Bytes, Max: c.Limit})
	}
	for _, l := range r.Listeners {
		d.Sockets = append(d.Sockets, newSocket(l, backlogs))
	}
	return d
}

// Backlog is what the kernel tells of a listening socket.
type Backlog struct {
	Protocol, Address string // as in control.Listener
	Waiting, Max      int
}

func newSocket(l control.Listener, backlogs []Backlog) socket {
	s := socket{Name: l.Address, Protocol: l.Protocol}
	for _, b := range backlogs {
		if b.Protocol == l.Protocol && b.Address == l.Address {
			s.Queue, s.MaxQueue = b.Waiting, b.Max
		}
	}
	return s
}

func newWorker(r *control.Report, g *control.Generation, w *control.Worker, t *Tally) worker {
	c := t.of(w.Index)
	one := worker{
		ID: w.Index + 1, PID: w.PID, Requests: c.requests, Delta: w.Requests, Exceptions: c.exceptions, Harakiri: c.late,
		Status: "cheap", RSS: w.Resident, VSZ: virtualSize(w.PID), RunningTime: c.running.Microseconds(),
		LastSpawn: w.Started.Unix(), Respawns: c.respawns, Sent: c.sent, Average: c.average.Microseconds(),
		Apps: []app{{Requests: c.requests, Exceptions: c.exceptions}},
	}
	if w.State == "ready" {
		one.Accepting, one.Status = 1, "idle"
	}
	if w.Busy > 0 {
		one.Status = "busy"
	}
	one.Cores = make([]core, max(g.Threads, 1))
	for i := range one.Cores {
		one.Cores[i] = core{ID: i, Vars: []string{}}
	}
	one.Cores[0].Requests = c.requests
	for _, running := range r.Running {
		if running.Worker == w.Index && running.Generation == g.Number && running.Thread >= 0 && running.Thread < len(one.Cores) {
			one.Cores[running.Thread].occupy(r, running)
		}
	}
	return one
}

func (c *core) occupy(r *control.Report, running control.Running) {
	c.InRequest = 1
	c.Info.Start = r.At.Unix() - int64(running.Age)
	path, _, _ := strings.Cut(running.Path, "?")
	c.Vars = []string{"REQUEST_METHOD=" + running.Method, "PATH_INFO=" + path, "REMOTE_ADDR=" + running.Client}
}

// newCron gives fields that are plain numbers, and -1 for the others.
func newCron(j control.Job) cron {
	c := cron{Minute: -1, Hour: -1, Day: -1, Month: -1, Week: -1, Command: j.Name, Unique: 1, Running: j.Running}
	fields := strings.Fields(j.Schedule)
	for i, into := range []*int{&c.Minute, &c.Hour, &c.Day, &c.Month, &c.Week} {
		if len(fields) != 5 {
			break
		}
		if n, err := strconv.Atoi(fields[i]); err == nil {
			*into = n
		}
	}
	return c
}

// virtualSize reads the size of a process's address space in bytes; 0 when it is gone.
func virtualSize(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseInt(pages, 10, 64)
	if err != nil {
		return 0
	}
	return n * int64(os.Getpagesize())
}
