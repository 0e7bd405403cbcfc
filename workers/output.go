package workers

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	outputLinger = 100 * time.Millisecond // for output in the pipe of a process that is gone

	maxLine   = 8 << 10 // bytes of one line of output in one log record, unless limits say otherwise; a longer line becomes several
	tailLines = 40      // last lines that are kept of a zygote, to explain why it died
)

// pump carries what a process writes to one of its standard streams into the log, line by line.
type pump struct {
	pipe *os.File
	log  *slog.Logger // names the process and the stream
	tail *tail        // nil: not kept
	flow *flow        // nil: no limit
	done chan struct{}
	host *host

	inTraceback bool
}

// pump starts one. It owns the pipe, and ends when the last holder of the other end is gone, or by cutPumps.
func (h *host) pump(pipe *os.File, log *slog.Logger, kept *tail, f *flow) *pump {
	p := &pump{pipe: pipe, log: log, tail: kept, flow: f, done: make(chan struct{}), host: h}
	h.mu.Lock()
	h.pumps[p] = true
	h.mu.Unlock()
	go p.run() // ends with the pipe, at the latest by cutPumps
	return p
}

func (p *pump) run() {
	splitLines(p.pipe, p.flow.longest(), p.line)
	_ = p.pipe.Close()
	p.host.mu.Lock()
	delete(p.host.pumps, p)
	p.host.mu.Unlock()
	close(p.done)
}

// cutPumps gives the pumps a last moment for what lies in their pipes, and waits for them: processes that left their
// session may hold the other ends for ever.
func (h *host) cutPumps() {
	h.mu.Lock()
	left := slices.Collect(maps.Keys(h.pumps))
	h.mu.Unlock()
	for _, p := range left {
		_ = p.pipe.SetReadDeadline(time.Now().Add(outputLinger))
	}
	for _, p := range left {
		<-p.done
	}
}

// splitLines calls line for each line of r without its line break, for pieces of at most longest bytes of a longer
// one, and for an incomplete last one. It ends with r. line must not keep its argument.
func splitLines(r io.Reader, longest int, line func([]byte)) {
	buffer := make([]byte, longest)
	held := 0
	for {
		n, err := r.Read(buffer[held:])
		held += n
		rest := buffer[:held]
		for {
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				break
			}
			line(bytes.TrimSuffix(rest[:end], []byte{'\r'}))
			rest = rest[end+1:]
		}
		held = copy(buffer, rest)
		if held == len(buffer) || err != nil && held > 0 {
			line(buffer[:held])
			held = 0
		}
		if err != nil {
			return
		}
	}
}

func (p *pump) line(text []byte) {
	if p.tail != nil {
		p.tail.add(string(text))
	}
	level := p.level(text)
	if p.flow.admit(1) {
		p.log.Log(context.Background(), level, "output", "line", string(text))
	}
}

// level makes tracebacks errors: from their first line to the one that names the exception. The stacks that
// faulthandler writes begin with "Fatal Python error" or "Thread 0x".
func (p *pump) level(line []byte) slog.Level {
	for _, beginning := range []string{
		"Traceback (most recent call last):", "Fatal Python error: ", "Thread 0x", "Current thread 0x",
	} {
		if bytes.HasPrefix(line, []byte(beginning)) {
			p.inTraceback = true
			return slog.LevelError
		}
	}
	if !p.inTraceback {
		return slog.LevelInfo
	}
	p.inTraceback = bytes.HasPrefix(line, []byte(" "))
	return slog.LevelError
}

// tail keeps the last lines of a process's output. Its pumps write to it, who explains a death reads it.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
