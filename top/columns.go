package top

import (
	"cmp"
	"fmt"

	"github.com/charmbracelet/x/ansi"

	"penknife/control"
)

// column is one of the table of workers, before the last: what a worker is doing matters most and gets what is left.
type column struct {
	name  string
	width int // negative: to the left
	from  int // the width of the screen that it needs
	value func(m model, r *control.Report, w *control.Worker) string
}

var columns = [...]column{
	{"WORKER", 6, 0, func(_ model, _ *control.Report, w *control.Worker) string { return fmt.Sprint(w.Index) }},
	{"PID", 8, 60, func(_ model, _ *control.Report, w *control.Worker) string { return fmt.Sprint(w.PID) }},
	{"STATE", -9, 0, func(_ model, _ *control.Report, w *control.Worker) string {
		return ansi.Truncate(clean(cmp.Or(w.Reason, w.State)), 9, "…")
	}},
	{"UP", 7, 110, func(_ model, _ *control.Report, w *control.Worker) string { return age(w.Uptime) }},
	{"REQUESTS", 10, 110, func(_ model, _ *control.Report, w *control.Worker) string { return fmt.Sprint(w.Requests) }},
	{"REQ/S", 7, 70, func(m model, r *control.Report, w *control.Worker) string {
		return fmt.Sprintf("%.1f", m.workerRate(r, w))
	}},
	{"LOAD", 5, 0, func(_ model, _ *control.Report, w *control.Worker) string { return fmt.Sprintf("%.0f %%", 100*w.Load) }},
	{"MEMORY", 7, 60, func(_ model, _ *control.Report, w *control.Worker) string { return size(w.Resident) }},
}

// columnsFor gives those that leave room for what workers do.
func columnsFor(width int) []column {
	var shown []column
	for _, c := range columns {
		if width >= c.from {
			shown = append(shown, c)
		}
	}
	return shown
}

// cell fills text up to the width of the column, and a gap.
func (c column) cell(text string) string { return fmt.Sprintf("%*s  ", c.width, text) }
