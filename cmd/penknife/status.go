package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"penknife/control"
)

// printStatus writes a status for people who read it now.
func printStatus(out io.Writer, s control.Status, now time.Time) error {
	var b strings.Builder
	appendSummary(&b, s, now)
	appendGeneration(&b, s.Current)
	if s.Joining != nil {
		fmt.Fprintf(&b, "\ngeneration %d takes over, worker by worker, and has %d requests\n", s.Joining.Number, s.Joining.InFlight)
		appendGeneration(&b, *s.Joining)
	}
	for _, replaced := range s.Draining {
		fmt.Fprintf(&b, "\ngeneration %d was replaced and finishes %d requests\n", replaced.Number, replaced.InFlight)
		appendGeneration(&b, replaced)
	}
	appendSidecars(&b, s)
	_, err := io.WriteString(out, b.String())
	return err
}

// appendSummary writes what is true of the whole.
func appendSummary(b *strings.Builder, s control.Status, now time.Time) {
	fmt.Fprintf(b, "penknife %s, pid %d, %s for %s\n", s.Version, s.PID, s.State, seconds(s.Uptime))
	line := func(name, format string, values ...any) {
		fmt.Fprintf(b, "%-12s %s\n", name, fmt.Sprintf(format, values...))
	}
	line("application", "%s, generation %d, Python %s", s.Application, s.Current.Number, cmp.Or(s.Current.Python, "not known yet"))
	line("config", "%s", cmp.Or(s.Config, "no file"))
	list := func(name string, texts []string) {
		for i, text := range texts {
			line([]string{name, ""}[min(i, 1)], "%s", text)
		}
	}
	list("listeners", listeners(s))
	list("certificates", certificates(s, now))
	line("requests", "%d in flight, %d places, %d connections", s.Current.InFlight, s.Current.Places, s.Connections)
	line("workers", "%s", scalingStatus(s.Current.Scaling))
	line("reloads", "%s", reloads(s.Reloads))
	if len(s.Current.Retired) > 0 {
		line("retired", "%s", retired(s.Current.Retired))
	}
}

// certificates tells of each that clients are shown, and what is wrong with their files.
func certificates(s control.Status, now time.Time) (lines []string) {
	for _, one := range s.Certificates {
		lines = append(lines, one.Name+", "+validity(one.Expires, now))
	}
	if s.CertificatesUnusable {
		lines = append(lines, "files have changed to something that cannot be used, see the log; those before are shown")
	}
	return lines
}

// validity tells until when a certificate can be shown.
func validity(expires, now time.Time) string {
	day := expires.Local().Format(time.DateOnly)
	left := expires.Sub(now)
	if left <= 0 {
		return "expired on " + day
	}
	return fmt.Sprintf("until %s (%d days)", day, int(left.Hours()/24))
}

// listeners tells of each open socket, and of what is wrong with those that nobody can find.
func listeners(s control.Status) (lines []string) {
	for _, one := range s.Listeners {
		text := one.Protocol + " " + one.Address
		if one.Lost != "" {
			text += ": the socket file was " + one.Lost + ", nobody can connect; restart penknife"
		}
		lines = append(lines, text)
	}
	return lines
}

// retired tells how many workers had to leave, by reason.
func retired(reasons map[string]int) string {
	var texts []string
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		texts = append(texts, fmt.Sprintf("%d %s", reasons[reason], reason))
	}
	return strings.Join(texts, ", ")
}

func reloads(r control.Reloads) string {
	text := fmt.Sprintf("%d succeeded, %d failed", r.Succeeded, r.Failed)
	if r.Last == nil {
		return text
	}
	text += "; the last one " + r.Last.At.Local().Format(time.DateTime)
	if r.Last.Failure != nil {
		first, _, _ := strings.Cut(r.Last.Failure.Reason, "\n")
		text += " failed: " + first
	}
	if len(r.Last.NeedsRestart) > 0 {
		text += "; a restart is needed for " + strings.Join(r.Last.NeedsRestart, ", ")
	}
	return text
}

func appendGeneration(b *strings.Builder, g control.Generation) {
	if g.CrashLoop {
		b.WriteString("\nthe workers keep dying; the next one is started")
		if g.RetryAt != nil {
			b.WriteString(" at " + g.RetryAt.Local().Format(time.TimeOnly))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORKER\tPID\tSTATE\tUPTIME\tBUSY\tREQUESTS")
	for _, w := range g.Workers {
		state := w.State
		if w.Reason != "" {
			state += " (" + w.Reason + ")"
		}
		fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%d\t%d\n", w.Index, w.PID, state, seconds(w.Uptime), w.Busy, w.Requests)
	}
	_ = table.Flush() // into memory
}

// seconds writes a time as people read it: exact to a second, from an hour on to a minute.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d >= time.Hour {
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.Round(time.Second).String()
}
