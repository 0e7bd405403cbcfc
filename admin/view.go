package admin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"penknife/control"
)

// The page shows so many rows; status.json has all.
const (
	workersShown = 64
	runningShown = 20
)

// fact is a name with its value.
type fact struct{ Name, Value string }

// tone is a class of the style sheet.
type tone struct{ Tone, Text string }

// view is what the template shows: texts that are ready.
type view struct {
	Title, Application, Version, GoVersion, Now string

	State  tone
	Facts  []fact
	Alarms []string
	Charts []chart

	InFlight    string
	Running     []runningRow
	RunningMore string

	Requests     string
	Classes      []classRow
	ClassesLabel string
	Latencies    []latencyRow

	Cache    *cacheView
	Sidecars []sidecarRow

	WorkersSummary, WorkersMore string
	Workers                     []workerRow

	ErrorsSummary, ReloadsSummary string
	Errors, Reloads               []eventRow

	ConfigSummary, DefaultsSummary string
	Set, Defaults                  []control.Setting
}

type runningRow struct{ Method, Path, Client, State, Tone, Worker, Age string }

type classRow struct{ Name, Class, Count, X, Width string }

type latencyRow struct{ Name, P50, P95, P99 string }

type workerRow struct {
	Name, State, Tone, Load, LoadWidth, Requests, Memory, Age string
	PID                                                       int
	Doing                                                     []string
}

// eventRow is an error or a reload.
type eventRow struct {
	Key, Stamp, At, What, Times string
	Result, Tone                string // of a reload
	Text, Detail                string
	Details                     []fact
}

func newView(r *control.Report) *view {
	v := &view{
		Title: r.Application + " – penknife", Application: r.Application, Version: r.Version, GoVersion: r.GoVersion,
		Now: r.At.Local().Format("2006-01-02 15:04:05 MST"), State: stateOf(r), Alarms: alarms(r), Charts: charts(r),
		InFlight: grouped(uint64(inFlight(r))),
	}
	v.Facts = []fact{
		{"Up", span(r.Uptime)}, {"Generation", strconv.FormatUint(r.Current.Number, 10)},
		{"Connections", grouped(uint64(max(r.Connections, 0)))}, {"PID", strconv.Itoa(r.PID)},
	}
	if s := r.Current.Scaling; s.Mode == "busyness" || s.Mode == "queue" || s.Mode == "hand" {
		v.Facts = append(v.Facts, fact{"Workers wanted", fmt.Sprintf("%d of %d to %d, by %s", s.Wanted, s.Min, s.Max, s.Mode)})
	}
	if r.Current.Python != "" {
		v.Facts = append(v.Facts, fact{"Python", r.Current.Python})
	}
	for _, l := range r.Listeners {
		if l.Protocol == "http" || l.Protocol == "uwsgi" {
			v.Facts = append(v.Facts, fact{l.Protocol, l.Address + lost(l.Lost)})
		}
	}
	for _, c := range r.Certificates {
		v.Facts = append(v.Facts, fact{"Certificate", c.Name + " until " + c.Expires.Local().Format(time.DateOnly)})
	}
	v.showRunning(r)
	v.showTraffic(r)
	v.showWorkers(r)
	v.showErrors(r)
	v.showReloads(r)
	v.showConfig(r)
	v.Cache, v.Sidecars = cacheOf(r.Cache), sidecars(r)
	return v
}

func stateOf(r *control.Report) tone {
	switch {
	case r.State != "running":
		return tone{"warn", capital(r.State)}
	case r.Current.CrashLoop:
		return tone{"bad", "Crash loop"}
	case !r.Ready:
		return tone{"bad", "Not ready"}
	}
	return tone{"good", "Running"}
}

// alarms are what somebody should do something about.
func alarms(r *control.Report) []string {
	var all []string
	if r.Current.CrashLoop {
		text := "The application keeps dying; its replacement is delayed"
		if r.Current.RetryAt != nil {
			text += " until " + clock(*r.Current.RetryAt, r.At)
		}
		all = append(all, text+". Recent errors, below, say why.")
	}
	if !r.Ready {
		all = append(all, "Requests are not answered: "+r.NotReady+".")
	}
	for _, c := range r.Certificates {
		if !c.Expires.After(r.At) {
			all = append(all, "The certificate "+c.Name+" has expired: clients turn away.")
		}
	}
	if r.CertificatesUnusable {
		all = append(all, "Certificate files have changed to something that cannot be used; what they held before is shown. The log says what is wrong.")
	}
	if last := r.Reloads.Last; last != nil && last.Failure != nil {
		all = append(all, "The last reload failed; what ran before it still serves.")
	}
	if r.Current.Places > 0 && r.Current.InFlight >= r.Current.Places {
		all = append(all, "All places of the queue are taken: more requests get 503 (workers.queue).")
	}
	return all
}

func capital(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// inFlight counts over all generations.
func inFlight(r *control.Report) int {
	n := 0
	for _, g := range r.Generations() {
		n += g.InFlight
	}
	return n
}

// progressTones says which states of a request are worth a look.
var progressTones = map[string]string{"waiting": "warn", "running": "good", "sending": "calm", "abandoned": "bad"}

func (v *view) showRunning(r *control.Report) {
	for i, one := range r.Running {
		if i == runningShown {
			v.RunningMore = "and " + grouped(uint64(len(r.Running)-i)) + " more, in status.json"
			break
		}
		worker := "–"
		if one.Worker >= 0 {
			worker = strconv.Itoa(one.Worker)
		}
		v.Running = append(v.Running, runningRow{
			Method: one.Method, Path: one.Path, Client: one.Client, State: one.State, Tone: progressTones[one.State],
			Worker: worker, Age: duration(one.Age),
		})
	}
}

// classNames are the rows of Traffic.Classes in the order in which they are shown.
var classNames = []struct {
	index       int
	name, class string
}{{2, "2xx", "c2"}, {3, "3xx", "c1"}, {4, "4xx", "c5"}, {5, "5xx", "c4"}, {1, "1xx", "c3"}, {0, "no answer", "c6"}}

func (v *view) showTraffic(r *control.Report) {
	t := &r.Traffic
	v.Requests = plural(int(t.Requests), "request", "requests")
	x := 0.0
	var label []string
	for _, c := range classNames {
		n := t.Classes[c.index]
		if n == 0 && c.index != 2 && c.index != 5 {
			continue
		}
		width := 100 * float64(n) / float64(max(t.Requests, 1))
		v.Classes = append(v.Classes, classRow{
			Name: c.name, Class: c.class, Count: grouped(n), X: fmt.Sprintf("%.2f", x), Width: fmt.Sprintf("%.2f", width),
		})
		label = append(label, c.name+": "+grouped(n))
		x += width
	}
	v.ClassesLabel = strings.Join(label, ", ")
	row := func(name string, l control.Latency) latencyRow {
		return latencyRow{name, duration(l.P50), duration(l.P95), duration(l.P99)}
	}
	v.Latencies = []latencyRow{row("Whole request", t.Latency), row("Waiting for a worker", t.Queue), row("Application", t.App)}
}

// stateTones says which states of a worker are worth a look.
var stateTones = map[string]string{"ready": "good", "starting": "calm", "draining": "warn", "suspended": "bad", "stopping": "bad"}

func (v *view) showWorkers(r *control.Report) {
	doing := map[[2]uint64][]string{}
	for _, one := range r.Running {
		if one.Worker >= 0 {
			key := [2]uint64{one.Generation, uint64(one.Worker)}
			doing[key] = append(doing[key], one.Method+" "+one.Path+", "+duration(one.App))
		}
	}
	all := 0
	for _, g := range r.Generations() {
		for _, w := range g.Workers {
			if all++; all > workersShown {
				continue
			}
			name := strconv.Itoa(w.Index)
			if g.Number != r.Current.Number {
				name += " of generation " + strconv.FormatUint(g.Number, 10)
			}
			v.Workers = append(v.Workers, workerRowOf(w, name, doing[[2]uint64{g.Number, uint64(w.Index)}]))
		}
	}
	if all > workersShown {
		v.WorkersMore = "and " + grouped(uint64(all-workersShown)) + " more, in status.json"
	}
	busy, threads := capacity(r)
	v.WorkersSummary = fmt.Sprintf("%d of %s busy", busy, plural(threads, "thread", "threads"))
	for _, reason := range slices.Sorted(maps.Keys(r.Current.Retired)) {
		v.WorkersSummary += fmt.Sprintf(" · %d left for %s", r.Current.Retired[reason], reason)
	}
}

func workerRowOf(w control.Worker, name string, doing []string) workerRow {
	row := workerRow{
		Name: name, PID: w.PID, State: w.State, Tone: stateTones[w.State], Load: percent(w.Load),
		LoadWidth: strconv.Itoa(int(w.Load*100 + .5)), Requests: grouped(w.Requests), Memory: "–", Age: span(w.Uptime), Doing: doing,
	}
	if w.Reason != "" {
		row.State += ", " + w.Reason
	}
	if w.Resident > 0 {
		row.Memory = size(w.Resident)
	}
	if len(doing) == 0 && w.Busy > 0 {
		row.Doing = []string{plural(w.Busy, "request", "requests")}
	}
	return row
}

func (v *view) showErrors(r *control.Report) {
	v.ErrorsSummary = grouped(r.ErrorsAll) + " since the start"
	for _, one := range r.Errors {
		row := eventRow{
			Key: one.First.UTC().Format(time.RFC3339Nano), Stamp: one.Last.UTC().Format(time.RFC3339),
			At: clock(one.Last, r.At), What: headline(one), Text: one.Text,
		}
		if one.Count > 1 {
			row.Times = grouped(uint64(one.Count)) + "×"
			row.Details = append(row.Details, fact{"first", clock(one.First, r.At)})
		}
		for _, name := range slices.Sorted(maps.Keys(one.Details)) {
			row.Details = append(row.Details, fact{name, one.Details[name]})
		}
		v.Errors = append(v.Errors, row)
	}
}

// headline is one line for an error.
func headline(one control.Incident) string {
	if line := one.Headline(); line != "" {
		return bounded(line)
	}
	for _, name := range []string{"reason", "error", "exit"} {
		if text := one.Details[name]; text != "" {
			first, _, _ := strings.Cut(text, "\n")
			return bounded(one.Message + ": " + first)
		}
	}
	return bounded(one.Message)
}

// lineLimit bounds a headline in bytes.
const lineLimit = 240

func bounded(text string) string {
	if len(text) <= lineLimit {
		return text
	}
	return strings.ToValidUTF8(text[:lineLimit], "") + "…"
}

func (v *view) showReloads(r *control.Report) {
	v.ReloadsSummary = fmt.Sprintf("%d succeeded, %d failed", r.Reloads.Succeeded, r.Reloads.Failed)
	for _, one := range r.Past {
		row := eventRow{
			Key: one.At.UTC().Format(time.RFC3339Nano), Stamp: one.At.UTC().Format(time.RFC3339), At: clock(one.At, r.At),
			Result: "succeeded", Tone: "good", What: fmt.Sprintf("generation %d, took %s", one.Generation, duration(one.Took)),
			Detail: "Everything was taken over.",
		}
		if len(one.NeedsRestart) > 0 {
			row.Detail = "Only a restart takes over: " + strings.Join(one.NeedsRestart, ", ")
		}
		if f := one.Failure; f != nil {
			first, _, _ := strings.Cut(f.Reason, "\n")
			row.Result, row.Tone, row.What = "failed", "bad", bounded(first)
			row.Text = strings.TrimSpace(f.Reason + "\n\n" + f.Traceback)
		}
		v.Reloads = append(v.Reloads, row)
	}
}

func (v *view) showConfig(r *control.Report) {
	for _, one := range r.Settings {
		if one.Default {
			v.Defaults = append(v.Defaults, one)
		} else {
			v.Set = append(v.Set, one)
		}
	}
	v.ConfigSummary = r.Config
	if r.Config == "" {
		v.ConfigSummary = "no file"
	}
	v.DefaultsSummary = plural(len(v.Defaults), "key has its default", "keys have their defaults")
}

// lost is what is wrong with a socket.
func lost(how string) string {
	if how == "" {
		return ""
	}
	return " (file " + how + ": restart penknife)"
}
