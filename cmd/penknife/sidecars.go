package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"penknife/control"
)

// appendSidecars writes the tables of daemons and jobs, if there are any.
func appendSidecars(b *strings.Builder, s control.Status) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	if len(s.Daemons) > 0 {
		fmt.Fprintln(table, "\nDAEMON\tPID\tSTATE\tUPTIME\tRESTARTS\tLAST END")
	}
	for _, d := range s.Daemons {
		pid, uptime := "-", "-"
		if d.PID != 0 {
			pid, uptime = fmt.Sprint(d.PID), seconds(d.Uptime)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", d.Name, pid, d.State, uptime, d.Restarts, cmp.Or(d.Last, "-"))
	}
	_ = table.Flush() // into memory
	if len(s.Jobs) > 0 {
		fmt.Fprintln(table, "\nJOB\tSCHEDULE\tNEXT\tRUNNING\tRUNS\tFAILED\tSKIPPED\tLAST\tOUTCOME")
	}
	for _, j := range s.Jobs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", j.Name, j.Schedule, moment(j.Next), j.Running, j.Runs, j.Failures,
			j.Skipped, moment(j.LastBegin), cmp.Or(j.LastOutcome, "-"))
	}
	_ = table.Flush() // into memory
}

// moment writes a time in the reader's zone.
func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}
