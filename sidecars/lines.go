package sidecars

import (
	"bytes"
	"log/slog"
)

// maxLine is how many bytes of one line of output are one record of the log; a longer line becomes several.
const maxLine = 8 << 10

// lines writes output into the log, line by line. One goroutine of os/exec writes; flush comes after it has ended.
type lines struct {
	log  *slog.Logger
	held []byte
}

// Write never fails.
func (l *lines) Write(text []byte) (int, error) {
	l.held = append(l.held, text...)
	for {
		end := bytes.IndexByte(l.held, '\n')
		switch {
		case end >= 0 && end <= maxLine:
			l.line(l.held[:end])
			l.held = l.held[end+1:]
		case len(l.held) >= maxLine:
			l.line(l.held[:maxLine])
			l.held = l.held[maxLine:]
		default:
			l.held = append(l.held[:0:0], l.held...) // lets go of what was written
			return len(text), nil
		}
	}
}

// flush writes a last line without an end.
func (l *lines) flush() {
	if len(l.held) > 0 {
		l.line(l.held)
	}
	l.held = nil
}

func (l *lines) line(text []byte) {
	l.log.Info("output", "line", string(bytes.TrimSuffix(text, []byte{'\r'})))
}
