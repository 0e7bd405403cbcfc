package logs

import (
	"context"
	"log/slog"

	"penknife/logsinks"
)

// rawOutput is a slog.Handler that writes a line of the application's output as it came, and not as a message with the
// line in it. What penknife says about the application, tracebacks that it raised included, stays a message.
type rawOutput struct {
	slog.Handler
	out *logsinks.Writer
}

// Handle implements slog.Handler.
func (h rawOutput) Handle(ctx context.Context, r slog.Record) error {
	if r.Message != "output" && (r.Message != "app" || r.Level >= slog.LevelError) {
		return h.Handler.Handle(ctx, r)
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "line" || a.Key == linesKey {
			h.out.Append([]byte(a.Value.String()+"\n"), logsinks.SeverityOf(r.Level), r.Time)
		}
		return true
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (h rawOutput) WithAttrs(attrs []slog.Attr) slog.Handler {
	return rawOutput{h.Handler.WithAttrs(attrs), h.out}
}

// WithGroup implements slog.Handler.
func (h rawOutput) WithGroup(name string) slog.Handler {
	return rawOutput{h.Handler.WithGroup(name), h.out}
}
