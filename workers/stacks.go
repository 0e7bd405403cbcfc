package workers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	stackWait  = time.Second           // for the first byte of a dump: the process may have to wait for a processor
	stackQuiet = 30 * time.Millisecond // without a byte: the dump is complete, there is no mark at its end
	stackLimit = 256 << 10             // bytes of a dump

	stackFrames = 30      // of one thread, in one line
	stackLine   = 4 << 10 // bytes of that line

	bootstrapFrame = " < <module> (<string>:1)" // what -c runs, at the end of the main thread's stack
)

// stackDumps has a worker write the stacks of its threads, and reads them. Several who ask at the same time get the
// same dump.
type stackDumps struct {
	pipe   *os.File // in the poller; only a dump writes to its other end
	signal func()   // makes the process write

	running sync.WaitGroup
	mu      sync.Mutex // guards waiting
	waiting []func(text string)
}

// ask returns at once. tell is called with the dump from another goroutine, with "" when there was none in time.
func (d *stackDumps) ask(tell func(text string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, tell)
	if len(d.waiting) == 1 {
		d.running.Go(d.collect) // ends by itself, at the latest after a few times stackWait
	}
}

func (d *stackDumps) collect() {
	d.read(time.Millisecond, time.Millisecond) // what is left of one that came too late
	d.signal()
	text := d.read(stackWait, stackQuiet)
	d.mu.Lock()
	all := d.waiting
	d.waiting = nil
	d.mu.Unlock()
	for _, tell := range all {
		tell(text)
	}
}

// read takes what is there until nothing comes for a while.
func (d *stackDumps) read(first, next time.Duration) string {
	var text strings.Builder
	buffer := make([]byte, 16<<10)
	end := time.Now().Add(2 * first)
	for wait := first; text.Len() < stackLimit && time.Now().Before(end); wait = next {
		if d.pipe.SetReadDeadline(time.Now().Add(wait)) != nil {
			break
		}
		n, err := d.pipe.Read(buffer)
		text.Write(buffer[:n])
		if errors.Is(err, io.EOF) || err != nil {
			break
		}
	}
	return text.String()
}

// stackOf gives the stack of one thread out of a dump of faulthandler in one line, innermost call first: without our
// own frames, bounded, "" when it is not there. The text comes from the application's process.
func stackOf(dump string, thread uint64) string {
	_, rest, found := strings.Cut(dump, fmt.Sprintf("hread 0x%016x", thread))
	if !found {
		return ""
	}
	_, rest, _ = strings.Cut(rest, "\n")
	var line strings.Builder
	frames := 0
	for text := range strings.SplitSeq(rest, "\n") {
		file, where, ok := strings.Cut(strings.TrimPrefix(text, `  File "`), `", line `)
		if !strings.HasPrefix(text, "  ") {
			break // the next thread
		}
		number, name, _ := strings.Cut(where, " in ")
		if !ok || ours(file) {
			continue
		}
		if frames++; frames > stackFrames || line.Len() > stackLine {
			line.WriteString(" < ...")
			break
		}
		if frames > 1 {
			line.WriteString(" < ")
		}
		fmt.Fprintf(&line, "%s (%s:%s)", name, file, number)
	}
	return strings.TrimSuffix(line.String(), bootstrapFrame)
}

// ours tells whether a frame is of the package that the interpreter inherits as a zip.
func ours(file string) bool {
	return strings.HasPrefix(file, packagePath+"/") || strings.HasPrefix(file, "<frozen ")
}
