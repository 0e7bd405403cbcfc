package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"penknife/control"
)

// The colours are those of the terminal's own palette, so that they fit every theme.
func dim(text string) string  { return lipgloss.NewStyle().Faint(true).Render(text) }
func bold(text string) string { return lipgloss.NewStyle().Bold(true).Render(text) }
func good(text string) string {
	return lipgloss.NewStyle().Foreground(lipgloss.Color("2")).Render(text)
}
func alert(text string) string {
	return lipgloss.NewStyle().Foreground(lipgloss.Color("1")).Bold(true).Render(text)
}
func head(text string) string { return lipgloss.NewStyle().Reverse(true).Render(text) }

// lowScreen is the height below which workers are worth more than figures.
const lowScreen = 16

// View renders the screen: never more lines than it has, and never a longer one.
func (m model) View() string {
	r := m.now
	lines := []string{m.title(r), m.subtitle(r), ""}
	lines = append(lines, m.figures(r)...)
	lines = append(lines, "")
	if m.height < lowScreen {
		lines = []string{lines[0], lines[3], lines[5]} // the state, requests and threads
	}
	foot := m.foot(r)
	room := m.height - len(lines) - len(foot)
	lines = append(lines, m.table(r, max(room, 2))...)
	for len(lines) < m.height-len(foot) {
		lines = append(lines, "")
	}
	lines = append(lines, foot...)
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, m.width, "…")
	}
	return strings.Join(lines[:min(len(lines), max(m.height, 1))], "\n")
}

func (m model) title(r *control.Report) string {
	state := good(r.State)
	switch {
	case m.err != nil:
		state = alert("no answer: " + clean(m.err.Error()))
	case !r.Ready:
		state = alert(cmp.Or(clean(r.NotReady), r.State))
	}
	text := bold("penknife") + "  " + state + "  "
	if m.paused {
		text += alert("paused") + "  "
	}
	return text + clean(r.Application) + "  " + dim(clean(r.Version))
}

func (m model) subtitle(r *control.Report) string {
	parts := []string{
		fmt.Sprintf("pid %d", r.PID), "up " + age(r.Uptime), fmt.Sprintf("generation %d", r.Current.Number),
		"Python " + cmp.Or(clean(r.Current.Python), "?"), fmt.Sprintf("%d connections", r.Connections),
	}
	if r.Joining != nil {
		parts = append(parts, fmt.Sprintf("generation %d takes over", r.Joining.Number))
	}
	if n := len(r.Draining); n > 0 {
		parts = append(parts, fmt.Sprintf("%d draining", n))
	}
	return dim(strings.Join(parts, " · "))
}

// figures are the four things that one looks at first.
func (m model) figures(r *control.Report) []string {
	rate, failed := m.rates(r)
	failures := dim("0 errors/s")
	if failed > 0 {
		failures = alert(fmt.Sprintf("%.1f errors/s", failed))
	}
	busy, threads := 0, 0
	for _, w := range r.Current.Workers {
		busy += w.Busy
		if w.State == "ready" {
			threads += max(r.Current.Threads, 1)
		}
	}
	waiting := fmt.Sprintf("%d waiting", r.Current.Waiting)
	if r.Current.Waiting > 0 {
		waiting = alert(waiting)
	}
	latency := latest(r.History)
	memory := r.Memory.Server + r.Memory.Zygote + r.Memory.Workers
	label := func(name string) string { return dim(fmt.Sprintf("%-9s", name)) }
	return []string{
		label("requests") + fmt.Sprintf("%8.1f/s  ", rate) + failures + "  " + spark(r.History, r.At, max(m.width-46, 0)),
		label("latency") + fmt.Sprintf("%8s p50  %s p95  %s p99", brief(latency.P50), brief(latency.P95), brief(latency.P99)),
		label("threads") + fmt.Sprintf("%8s busy  %s  %s of %d places", fmt.Sprintf("%d/%d", busy, threads), waiting,
			fmt.Sprint(r.Current.InFlight), r.Current.Places),
		label("memory") + fmt.Sprintf("%8s  %s", size(memory),
			dim(fmt.Sprintf("server %s, zygote %s, workers %s", size(r.Memory.Server), size(r.Memory.Zygote), size(r.Memory.Workers)))),
	}
}

// rates gives requests and server errors a second since the last look.
func (m model) rates(r *control.Report) (requests, errors float64) {
	if m.before == nil || m.before.PID != r.PID {
		return 0, 0
	}
	seconds := r.At.Sub(m.before.At).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(r.Traffic.Requests-m.before.Traffic.Requests) / seconds,
		float64(r.Traffic.Classes[5]-m.before.Traffic.Classes[5]) / seconds
}

func latest(history []control.Sample) control.Latency {
	for i := len(history) - 1; i >= 0; i-- {
		if history[i].Requests > 0 {
			return history[i].Latency
		}
	}
	return control.Latency{}
}

// table lists the workers that fit into so many lines, its head included.
func (m model) table(r *control.Report, room int) []string {
	shown := columnsFor(m.width)
	var names strings.Builder
	for _, c := range shown {
		names.WriteString(c.cell(c.name))
	}
	lines := []string{head(pad(names.String()+"DOING", m.width))}
	workers := m.order.sorted(r.Current.Workers)
	if over := len(workers) - (room - 1); over > 0 && room > 1 {
		fit := max(room-2, 0)
		lines = append(lines, m.rows(r, workers[:fit], shown)...)
		return append(lines, dim(fmt.Sprintf("%6s and %d more", "", len(workers)-fit)))
	}
	return append(lines, m.rows(r, workers, shown)...)
}

func (m model) rows(r *control.Report, workers []control.Worker, shown []column) []string {
	var lines []string
	for i := range workers {
		var line strings.Builder
		for _, c := range shown {
			line.WriteString(c.cell(c.value(m, r, &workers[i])))
		}
		lines = append(lines, line.String()+doing(r, &workers[i]))
	}
	return lines
}

func (m model) workerRate(r *control.Report, w *control.Worker) float64 {
	if m.before == nil {
		return 0
	}
	for _, old := range m.before.Current.Workers {
		if old.PID == w.PID && old.Requests <= w.Requests {
			if seconds := r.At.Sub(m.before.At).Seconds(); seconds > 0 {
				return float64(w.Requests-old.Requests) / seconds
			}
		}
	}
	return 0
}

// doing is the request that the worker has had for the longest time.
func doing(r *control.Report, w *control.Worker) string {
	n, oldest := 0, (*control.Running)(nil)
	for i := range r.Running {
		one := &r.Running[i]
		if one.Worker != w.Index || one.Generation != r.Current.Number {
			continue
		}
		n++
		if oldest == nil || one.Age > oldest.Age {
			oldest = one
		}
	}
	if oldest == nil {
		return ""
	}
	text := fmt.Sprintf("%s %s %s", age(oldest.App), clean(oldest.Method), clean(oldest.Path))
	if n > 1 {
		text += dim(fmt.Sprintf(" and %d more", n-1))
	}
	return text
}

// foot has the latest errors and the keys.
func (m model) foot(r *control.Report) []string {
	if m.help {
		return []string{
			"", "  s       sort by worker, load, requests, memory", "  p       pause", "  ?       this help", "  q       quit", "",
			"  load    the part of a worker's threads that requests have taken lately", "  doing   its oldest request, and how long it runs",
		}
	}
	var lines []string
	for i, e := range r.Errors {
		if i == 3 || m.height < 20 {
			break
		}
		text := clean(e.Message)
		if line := e.Headline(); line != "" {
			text += ": " + clean(line)
		}
		if e.Count > 1 {
			text += fmt.Sprintf(" (%d times)", e.Count)
		}
		lines = append(lines, dim(e.Last.Local().Format(time.TimeOnly))+" "+text)
	}
	if len(lines) > 0 {
		lines = append([]string{dim(fmt.Sprintf("latest of %d errors", r.ErrorsAll))}, lines...)
	}
	return append(lines, dim("q quit  s sort ("+m.order.String()+")  p pause  ? help"))
}
