package incidents

import (
	"context"
	"log/slog"
)

// messageOutput is the message of a line that a process wrote to its standard output or error stream.
const messageOutput = "output"

// handler is a slog.Handler that remembers what is an error, and passes everything on.
type handler struct {
	slog.Handler
	ring  *Ring
	attrs []slog.Attr
}

// Watch makes a handler that passes everything on to next and remembers the records of level ERROR and above.
func (r *Ring) Watch(next slog.Handler) slog.Handler { return &handler{Handler: next, ring: r} }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= slog.LevelError {
		h.ring.add(h.recordOf(record))
	}
	return h.Handler.Handle(ctx, record)
}

// textKeys are the attributes that hold what a person wants to read: tracebacks, lines of output, stacks.
var textKeys = map[string]bool{"text": true, "traceback": true, "line": true, "stack": true}

func (h *handler) recordOf(record slog.Record) Record {
	one := Record{First: record.Time, Last: record.Time, Count: 1, Message: record.Message}
	take := func(a slog.Attr) bool {
		value := a.Value.Resolve().String()
		if textKeys[a.Key] {
			one.Text += value
		} else {
			one.Details = append(one.Details, Detail{a.Key, value})
		}
		return true
	}
	for _, a := range h.attrs {
		take(a)
	}
	record.Attrs(take)
	return one
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &handler{h.Handler.WithAttrs(attrs), h.ring, all}
}

// WithGroup implements slog.Handler. Attributes are remembered without the group's name.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.ring, h.attrs}
}
