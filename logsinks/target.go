package logsinks

import (
	"encoding/binary"
	"io"
	"time"
)

// Target takes records out of the process. Only the goroutine of its Writer calls it; calls may block.
type Target interface {
	// Framed says that the target wants each record by itself, as WriteFrames has it; else records are lines.
	Framed() bool
	// Write takes whole records: lines, each with its line break, or frames. lost is how many could not be delivered.
	Write(records []byte) (lost int, err error)
	// Reopen lets go of what the target writes to and begins anew, after a rotation. When it fails, the target goes on
	// with what it had; a file is tried again once a second, when something is written.
	Reopen() error
	// Close lets go of everything.
	Close() error
}

// A frame is its record's length, severity and time in Unix nanoseconds, then the record.
const frameHead = 16

func putFrameHead(head []byte, size int, severity Severity, at time.Time) {
	binary.LittleEndian.PutUint32(head, uint32(size))
	binary.LittleEndian.PutUint32(head[4:], uint32(severity))
	binary.LittleEndian.PutUint64(head[8:], uint64(at.UnixNano()))
}

// message is one record of a framed target.
type message struct {
	severity Severity
	at       time.Time
	text     []byte
}

// nextFrame cuts the first record off. frames is not empty and was written by a Writer.
func nextFrame(frames []byte) (m message, rest []byte) {
	size := int(binary.LittleEndian.Uint32(frames))
	m.severity = Severity(binary.LittleEndian.Uint32(frames[4:]))
	m.at = time.Unix(0, int64(binary.LittleEndian.Uint64(frames[8:])))
	end := frameHead + size
	m.text = frames[frameHead:end:end]
	return m, frames[end:]
}

// stream is a Target for lines that writes to somebody else's io.Writer.
type stream struct{ lines lineWriter }

// Stream makes a Target of a standard stream. Reopen and Close do nothing to it.
func Stream(out io.Writer) Target { return &stream{lineWriter{out: out}} }

func (s *stream) Framed() bool  { return false }
func (s *stream) Reopen() error { return nil }
func (s *stream) Close() error  { return nil }

func (s *stream) Write(lines []byte) (lost int, err error) { return s.lines.write(lines) }

// lineWriter writes lines and remembers whether the last one was cut short.
type lineWriter struct {
	out  io.Writer
	torn bool // a full disk took only the begin of a line
}

// write writes all lines, and counts those that did not get out when it fails. What was torn before gets its line break
// first, so that it spoils no other line.
func (w *lineWriter) write(lines []byte) (lost int, err error) {
	if w.torn {
		if _, err := w.out.Write([]byte{'\n'}); err != nil {
			return countLines(lines), err
		}
		w.torn = false
	}
	n, err := w.out.Write(lines)
	if err == nil {
		return 0, nil
	}
	n = max(min(n, len(lines)), 0)
	w.torn = n > 0 && lines[n-1] != '\n'
	return countLines(lines[n:]), err
}

func countLines(lines []byte) (n int) {
	for _, c := range lines {
		if c == '\n' {
			n++
		}
	}
	return n
}
