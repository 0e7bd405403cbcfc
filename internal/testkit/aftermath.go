package testkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/control"
)

// Footprint is what a running penknife holds at one moment. A test takes it when the server is ready (or when whatever is
// made once is there), does what it does, and then says:
//
//	before := s.Footprint(t)
//	...
//	s.Aftermath(t, before, Footprint{})
//
// Each field but Goroutines is exact when the server is at rest, so that one that was lost in ten thousand requests is seen.
type Footprint struct {
	// Descriptors are those of penknife's own process, Python the most that one process of Python has.
	Descriptors, Python int
	// Processes live below penknife: zygotes, workers, their children. Zombies have ended and nobody waited for them.
	Processes, Zombies int
	// Unlinked are open files without a name: spooled bodies, and memory that generations share. Files are spools and
	// the like that have a name ("penknife-…") in the server's temporary directory.
	Unlinked, Files int
	// Goroutines, Connections, InFlight (places of the queue that are taken) and Generations are as the control socket
	// tells; all are zero without one.
	Goroutines, Connections, InFlight, Generations int
}

// madeOnce is memory that the first call of the application's code brings, once for each server.
var madeOnce = map[string]bool{"/memfd:penknife cache (deleted)": true, "/memfd:penknife metrics (deleted)": true}

// restless gives how much more than before a field may be at rest: connections of this package's own questions, and pools
// that the first requests fill.
func restless() Footprint { return Footprint{Descriptors: 2, Python: 2, Goroutines: 6} }

// aftermathTime is how long a server may take to come to rest when nobody asks for anything: a timeout of a connection, a
// grace period, a replacement.
const aftermathTime = 15 * time.Second

// field is one figure of a footprint, with its name.
type field struct {
	name  string
	value int
}

func (f Footprint) fields() []field {
	return []field{
		{"descriptors", f.Descriptors}, {"descriptors of a Python process", f.Python}, {"processes", f.Processes},
		{"zombies", f.Zombies}, {"files without a name", f.Unlinked}, {"temporary files", f.Files},
		{"goroutines", f.Goroutines}, {"connections", f.Connections}, {"requests in flight", f.InFlight},
		{"generations", f.Generations},
	}
}

// Exceeds gives an error that names every field which is larger than in before plus allowed, nil if there is none.
func (f Footprint) Exceeds(before, allowed Footprint) error {
	was, may, slack := before.fields(), allowed.fields(), restless().fields()
	var more []string
	for i, now := range f.fields() {
		if now.value > was[i].value+may[i].value+slack[i].value {
			more = append(more, fmt.Sprintf("%d %s, %d before", now.value, now.name, was[i].value))
		}
	}
	if more == nil {
		return nil
	}
	return fmt.Errorf("more is left than there was: %s", strings.Join(more, "; "))
}

// Footprint takes the footprint of the server's process now. It fails the test when that is gone.
func (s *Server) Footprint(t testing.TB) Footprint {
	t.Helper()
	f, err := s.footprint()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (s *Server) footprint() (f Footprint, err error) {
	pid := s.PID()
	links := descriptorsOf(pid)
	if links == nil {
		return f, fmt.Errorf("penknife (%d) is gone", pid)
	}
	for _, link := range links {
		if madeOnce[link] {
			continue
		}
		f.Descriptors++
		if strings.HasSuffix(link, " (deleted)") {
			f.Unlinked++
		}
	}
	for _, below := range Descendants(pid) {
		if !Alive(below) {
			f.Zombies++
			continue
		}
		f.Processes++
		f.Python = max(f.Python, len(descriptorsOf(below)))
	}
	files, _ := filepath.Glob(filepath.Join(s.TempDir(), "penknife-*"))
	f.Files = len(files)
	if status, ok := s.Status(); ok {
		f.Goroutines, f.Connections = status.Goroutines, int(status.Connections)
		for _, g := range status.Generations() {
			f.InFlight += g.InFlight
			f.Generations++
		}
	}
	return f, nil
}

// Aftermath is the scan with which every test of a server ends: its log has no alarm (unless Options.Alarms permits them),
// and when it has come to rest, nothing of its footprint is larger than before, but for what is allowed. It waits for
// that. A test that does not call it has it at its end, compared with when the server was ready. A server that has ended is not asked. It is an error of the test and no fatal one, so that all scans are made.
func (s *Server) Aftermath(t testing.TB, before, allowed Footprint) {
	t.Helper()
	s.scanned = true
	if !s.options.Alarms {
		for _, line := range AlarmsIn(s.Output()) {
			t.Errorf("the log has an alarm: %s", line)
		}
	}
	if s.Exited() {
		return
	}
	err := Await(aftermathTime, func() error {
		now, err := s.footprint()
		if err != nil {
			return err
		}
		return now.Exceeds(before, allowed)
	})
	if err != nil {
		t.Error(err)
	}
}

// AlarmsIn gives the lines of a log that no healthy server writes: panics, also those that were caught, reports of the race
// detector and of sanitizers, faults of the Go runtime. Of what the application writes only the sanitizers' reports count,
// which are about our code in its process.
func AlarmsIn(log string) []string {
	var found []string
	for line := range strings.SplitSeq(log, "\n") {
		ours := !applicationsLine.MatchString(line)
		if containsAny(line, sanitizers) || ours && containsAny(line, alarms) {
			found = append(found, line)
		}
	}
	return found
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// applicationsLine finds what the application has written or raised.
var applicationsLine = regexp.MustCompile(`msg=(app|output) |"msg":"(app|output)"`)

// errorLine finds penknife's own messages of level error, in both formats of the log.
var errorLine = regexp.MustCompile(`level=ERROR msg=("(?:[^"\\]|\\.)*"|\S+)|"level":"ERROR","msg":("(?:[^"\\]|\\.)*")`)

// ErrorsIn gives the different messages of level error that penknife itself has written into a log: not what the
// application writes or raises.
func ErrorsIn(log string) []string {
	var found []string
	for _, parts := range errorLine.FindAllStringSubmatch(log, -1) {
		message := parts[1] + parts[2]
		if text, err := strconv.Unquote(message); err == nil {
			message = text
		}
		if message != "app" && message != "output" && !slices.Contains(found, message) {
			found = append(found, message)
		}
	}
	return found
}

// Status asks the server's control socket. It gives false when there is none, or nobody answers.
func (s *Server) Status() (control.Status, bool) {
	path := ""
	for try := 0; path == "" && try < 5; try++ { // the kernel leaves lines out of its table while sockets come and go
		path = controlSocket(s.PID())
	}
	if path == "" {
		return control.Status{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	status, err := control.NewClient(path).Status(ctx)
	return status, err == nil
}

// descriptorsOf gives what the descriptors of a process refer to; nil when it is gone.
func descriptorsOf(pid int) []string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	links := make([]string, 0, len(entries))
	for _, entry := range entries {
		link, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err == nil {
			links = append(links, link)
		}
	}
	return links
}

// controlSocket finds the control socket among the listening unix sockets of a process by its usual name; empty: none.
func controlSocket(pid int) string {
	inodes := map[string]bool{}
	for _, link := range descriptorsOf(pid) {
		if inode, ok := strings.CutPrefix(link, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(table)) {
		// Num RefCount Protocol Flags Type St Inode Path; flag 0x10000 is a listener's.
		fields := strings.Fields(line)
		if len(fields) < 8 || !inodes[fields[6]] || !strings.HasSuffix(fields[7], ".control") {
			continue
		}
		if flags, err := strconv.ParseUint(fields[3], 16, 32); err == nil && flags&0x10000 != 0 {
			return fields[7]
		}
	}
	return ""
}
