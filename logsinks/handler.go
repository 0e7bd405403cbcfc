package logsinks

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// asWriter lets a handler of log/slog, which writes a record with one call, write records of one severity.
type asWriter struct {
	out      *Writer
	severity Severity
	prefix   string // before the record
}

func (w asWriter) Write(record []byte) (int, error) {
	size := len(record)
	if w.out.framed && size > 0 && record[size-1] == '\n' {
		record = record[:size-1]
	}
	if w.prefix != "" {
		record = append([]byte(w.prefix), record...)
	}
	w.out.Append(record, w.severity, time.Now())
	return size, nil
}

// severities are those that a record of log/slog can have, in the order of bySeverity.
var severities = [...]Severity{SeverityDebug, SeverityInfo, SeverityWarning, SeverityError}

// bySeverity is a handler for each severity, since handlers do not tell their writers about the level.
type bySeverity [len(severities)]slog.Handler

// NewHandler makes a handler that writes records to out as make, such as slog.NewTextHandler, has them.
func NewHandler(out *Writer, make func(io.Writer) slog.Handler) slog.Handler {
	if !out.framed {
		return make(asWriter{out: out, severity: SeverityInfo})
	}
	return newBySeverity(out, make, false)
}

// NewPrefixHandler is NewHandler for a stream that systemd reads: each line begins with "<N>", its severity, which the
// journal takes off (SyslogLevelPrefix in systemd.exec(5)).
func NewPrefixHandler(out *Writer, make func(io.Writer) slog.Handler) slog.Handler {
	return newBySeverity(out, make, true)
}

func newBySeverity(out *Writer, make func(io.Writer) slog.Handler, prefixed bool) slog.Handler {
	var all bySeverity
	for i, severity := range severities {
		w := asWriter{out: out, severity: severity}
		if prefixed {
			w.prefix = "<" + strconv.Itoa(int(severity)) + ">"
		}
		all[i] = make(w)
	}
	return &all
}

func (b *bySeverity) of(level slog.Level) slog.Handler {
	for i, severity := range severities {
		if SeverityOf(level) == severity {
			return b[i]
		}
	}
	return b[0]
}

// Enabled implements slog.Handler.
func (b *bySeverity) Enabled(ctx context.Context, level slog.Level) bool {
	return b.of(level).Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (b *bySeverity) Handle(ctx context.Context, r slog.Record) error {
	return b.of(r.Level).Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (b *bySeverity) WithAttrs(attrs []slog.Attr) slog.Handler {
	var all bySeverity
	for i := range b {
		all[i] = b[i].WithAttrs(attrs)
	}
	return &all
}

// WithGroup implements slog.Handler.
func (b *bySeverity) WithGroup(name string) slog.Handler {
	var all bySeverity
	for i := range b {
		all[i] = b[i].WithGroup(name)
	}
	return &all
}

// journalHandler writes records as journal entries: MESSAGE is what a person wants to read, and each attribute is a
// field of its own, REQUEST_ID=..., WORKER=...
type journalHandler struct {
	out    *Writer
	level  slog.Leveler
	prefix string
	fields []byte // of WithAttrs, as journal fields
	texts  string // the same for MESSAGE
}

// NewJournalHandler makes a handler for a Writer whose target is a Journal.
func NewJournalHandler(out *Writer, level slog.Leveler) slog.Handler {
	return &journalHandler{out: out, level: level}
}

// Enabled implements slog.Handler.
func (j *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= j.level.Level()
}

// proseKeys are the attributes that are text for people: they end the message, without their name.
var proseKeys = map[string]bool{"text": true, "line": true, "traceback": true, "stack": true}

// Handle implements slog.Handler.
func (j *journalHandler) Handle(_ context.Context, r slog.Record) error {
	message, prose := r.Message+j.texts, ""
	fields := append([]byte(nil), j.fields...)
	r.Attrs(func(a slog.Attr) bool {
		value := a.Value.Resolve().String()
		fields = AppendJournalField(fields, journalName(j.prefix+a.Key), value)
		if proseKeys[a.Key] {
			prose += "\n" + strings.TrimRight(value, "\n")
		} else {
			message += " " + a.Key + "=" + value
		}
		return true
	})
	if strings.Count(prose, "\n") == 1 {
		prose = ": " + prose[1:]
	}
	entry := AppendJournalField(nil, "MESSAGE", strings.ToValidUTF8(message+prose, "\uFFFD"))
	j.out.Append(append(entry, fields...), SeverityOf(r.Level), r.Time)
	return nil
}

// journalName makes a name that the journal takes: at most 64 upper-case letters, digits and underscores.
func journalName(key string) string {
	name := []byte(strings.ToUpper(key))
	for i, c := range name {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			name[i] = '_'
		}
	}
	text := strings.TrimLeft(string(name), "_0123456789")
	if text == "" || text == "MESSAGE" || text == "PRIORITY" {
		text = "PENKNIFE_" + text
	}
	return text[:min(len(text), 64)]
}

// WithAttrs implements slog.Handler.
func (j *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *j
	next.fields = append([]byte(nil), j.fields...)
	for _, a := range attrs {
		value := a.Value.Resolve().String()
		next.fields = AppendJournalField(next.fields, journalName(j.prefix+a.Key), value)
		next.texts += " " + a.Key + "=" + value
	}
	return &next
}

// WithGroup implements slog.Handler.
func (j *journalHandler) WithGroup(name string) slog.Handler {
	next := *j
	next.prefix += name + "_"
	return &next
}
