package admin

import (
	"fmt"
	"time"

	"penknife/control"
)

// sidecarRow is a daemon or a job.
type sidecarRow struct{ Name, State, Tone, What, Next string }

// daemonTones says which states of a daemon are worth a look.
var daemonTones = map[string]string{"running": "good", "starting": "calm", "waiting": "warn", "stopped": "calm", "failed": "bad"}

// sidecars lists what runs beside the application.
func sidecars(r *control.Report) []sidecarRow {
	var rows []sidecarRow
	for _, d := range r.Daemons {
		row := sidecarRow{Name: d.Name, State: d.State, Tone: daemonTones[d.State], What: plural(d.Restarts, "restart", "restarts")}
		if d.PID > 0 {
			row.Next = "for " + span(d.Uptime)
			row.What += fmt.Sprintf(", pid %d", d.PID)
		}
		if d.Last != "" {
			row.What += ", ended last: " + bounded(d.Last)
		}
		rows = append(rows, row)
	}
	for _, j := range r.Jobs {
		rows = append(rows, jobRow(j, r.At))
	}
	return rows
}

func jobRow(j control.Job, now time.Time) sidecarRow {
	row := sidecarRow{
		Name: j.Name, State: "scheduled", Tone: "calm",
		What: fmt.Sprintf("%s, %s, %s", j.Schedule, plural(j.Runs, "run", "runs"), plural(j.Failures, "failure", "failures")),
	}
	if j.Running > 0 {
		row.State, row.Tone = "running", "good"
	}
	if j.LastBegin != nil && j.LastOutcome != "" {
		row.What += fmt.Sprintf(", last at %s: %s in %s", clock(*j.LastBegin, now), bounded(j.LastOutcome), duration(j.LastTook))
	}
	if j.Next != nil {
		row.Next = "next at " + clock(*j.Next, now)
	}
	return row
}
