package testkit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Grace is how long penknife may take to leave after SIGTERM when nothing is in flight.
const Grace = 10 * time.Second

// alarms are what no log of a healthy server has.
var alarms = []string{"panic:", "panic in a ", "panic on a ", "panic while ", "fatal error:", "DATA RACE", "SIGSEGV: segmentation violation",
	"runtime error:"}

// sanitizers are how their reports begin, whoever writes them.
var sanitizers = []string{"AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "UndefinedBehaviorSanitizer"}

// AnyError in Options.Errors is for tests that break everything.
const AnyError = "*"

// Options say how to start penknife.
type Options struct {
	// App is the application as the command line takes it; empty when Config names it.
	App string
	// Chdir is the application's folder.
	Chdir string
	// Python is the interpreter, empty for the first python3 of PATH.
	Python string
	// Processes and Threads are 1 when zero.
	Processes, Threads int
	// Config is the text of a YAML file for what has no flag.
	Config string
	// HTTP are keys of HTTP listeners besides the usual ones, each without braces: "listen: ADDRESS, proxy_protocol: true".
	HTTP []string
	// Flags and Env are added to what the fields above give.
	Flags, Env []string
	// NoUwsgi leaves the uwsgi listeners to Config: Uwsgi and UwsgiTCP are empty.
	NoUwsgi bool
	// Successors lets the log hold what processes write that take over from this one (penknife upgrade). The test has
	// to stop the last of them.
	Successors bool
	// Binary is the program; empty: the built one.
	Binary string
	// Alarms permits the log to have whatever it has.
	Alarms bool
	// Errors are penknife's own messages of level error that the test causes on purpose, such as "worker died". Any other
	// one fails the test, unless AnyError is among them.
	Errors []string
	// Leaves is how much more than at the start the server may hold when the test is over: a number of workers that the
	// test has raised, channels of the application's threads.
	Leaves Footprint
}

// Server is a running penknife with an HTTP listener on TCP and uwsgi listeners on a unix socket and on TCP.
type Server struct {
	*Process
	// Dir is its own directory.
	Dir string
	// HTTP is "127.0.0.1:PORT", HTTPUnix a path, Uwsgi a path, UwsgiTCP "127.0.0.1:PORT".
	HTTP, HTTPUnix, Uwsgi, UwsgiTCP string

	options Options
	scanned bool      // the test has called Aftermath itself
	start   Footprint // when it was ready; zero before
}

// Binary is the built penknife; the test fails when `make build` has not been run.
func Binary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(Root(t), "bin", "penknife")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/penknife is missing: run `make build` first (%v)", err)
	}
	return path
}

// Penknife starts the built binary, waits until the application answers, and when the test ends stops it with
// SIGTERM and checks that it left cleanly: nothing held but what it held at the start (Aftermath), exit code 0, no
// process, no socket and no temporary file left behind, no alarm and no error in the log that was not asked for.
func Penknife(t testing.TB, options Options) *Server {
	t.Helper()
	s := prepare(t, options)
	start, binary := Start, options.Binary
	if options.Successors {
		start = StartLogged
	}
	if binary == "" {
		binary = Binary(t)
	}
	s.Process = start(t, s.Dir, options.Env, binary, s.arguments(t)...)
	s.quiet = true
	t.Cleanup(func() { s.leave(t) })
	s.AwaitAccept(t, s.HTTP)
	s.AwaitReady(t, 30*time.Second)
	s.noteStart(t)
	return s
}

// noteStart takes the footprint that the end of the test is compared with, once the workers are there: static files and
// caches answer before. Where they do not come, the test is about just that, and there is nothing to compare.
func (s *Server) noteStart(t testing.TB) {
	t.Helper()
	err := Await(2*time.Second, func() error {
		if status, ok := s.Status(); ok && status.State == "starting" {
			return errors.New("starting")
		}
		return nil
	})
	if err == nil && !s.Exited() {
		s.start = s.Footprint(t)
	}
}

func prepare(t testing.TB, options Options) *Server {
	dir := Dir(t)
	temporary := filepath.Join(dir, "tmp")
	err := os.Mkdir(temporary, 0o777)
	if err == nil {
		err = os.Chmod(temporary, 0o777) // whoever the server becomes may write there
	}
	if err != nil {
		t.Fatal(err)
	}
	options.Env = append([]string{"TMPDIR=" + temporary}, options.Env...)
	return &Server{
		Dir: dir, HTTP: FreeAddress(t), HTTPUnix: filepath.Join(dir, "http.sock"),
		Uwsgi: filepath.Join(dir, "uwsgi.sock"), UwsgiTCP: FreeAddress(t), options: options,
	}
}

func (s *Server) arguments(t testing.TB) []string {
	o := s.options
	arguments := []string{"serve"}
	if o.App != "" {
		arguments = append(arguments, o.App)
	}
	if o.Chdir != "" {
		arguments = append(arguments, "--chdir", o.Chdir)
	}
	config := o.Config
	if len(o.HTTP) > 0 { // flags would replace the list
		config += "http:\n  - {listen: \"" + s.HTTP + "\"}\n  - {listen: \"unix:" + s.HTTPUnix + "\"}\n"
		for _, keys := range o.HTTP {
			config += "  - {" + keys + "}\n"
		}
	} else {
		arguments = append(arguments, "--http", s.HTTP, "--http", "unix:"+s.HTTPUnix)
	}
	if config != "" {
		arguments = append(arguments, "--config", Write(t, s.Dir, "penknife.yaml", config))
	}
	python := o.Python
	if python == "" {
		python = DefaultPython(t)
	}
	arguments = append(arguments, "--python", python)
	if !o.NoUwsgi {
		arguments = append(arguments, "--uwsgi", "unix:"+s.Uwsgi, "--uwsgi", s.UwsgiTCP)
	}
	arguments = append(arguments,
		"--processes", strconv.Itoa(max(o.Processes, 1)), "--threads", strconv.Itoa(max(o.Threads, 1)))
	return append(arguments, o.Flags...)
}

// AwaitReady waits until the application answers over HTTP: until then it is 503.
func (s *Server) AwaitReady(t testing.TB, timeout time.Duration) {
	t.Helper()
	err := Await(timeout, func() error {
		if s.Exited() {
			return nil
		}
		answer, err := HTTPClient(s.HTTP).Try(Call{Target: "/ready"})
		if err != nil {
			return err
		}
		if answer.Status == 503 {
			return errors.New("503")
		}
		return nil
	})
	if err != nil || s.Exited() {
		t.Fatalf("penknife is not ready: %v\n%s", err, s.Output())
	}
}

// TempDir is $TMPDIR of the server and its application, a directory of its own.
func (s *Server) TempDir() string { return filepath.Join(s.Dir, "tmp") }

// Options gives what it was started with.
func (s *Server) Options() Options { return s.options }

// Pythons lists penknife's living descendants: zygote and workers.
func (s *Server) Pythons() []int {
	var live []int
	for _, pid := range Descendants(s.PID()) {
		if Alive(pid) {
			live = append(live, pid)
		}
	}
	return live
}

// Everything lists penknife and its living descendants.
func (s *Server) Everything() []int { return append([]int{s.PID()}, s.Pythons()...) }

// Terminate sends SIGTERM, waits, and gives the exit code.
func (s *Server) Terminate(t testing.TB, timeout time.Duration) int {
	t.Helper()
	s.Signal(t, syscall.SIGTERM)
	return s.Wait(t, timeout)
}

// leave is the check at the end of every test.
func (s *Server) leave(t testing.TB) {
	if s.start.Processes > 0 && !s.scanned && !t.Failed() {
		s.Aftermath(t, s.start, s.options.Leaves)
	}
	below := s.Pythons()
	if !s.Exited() {
		if code := s.Terminate(t, Grace); code != 0 {
			t.Errorf("exit code %d after SIGTERM", code)
		}
		s.CheckSocketsGone(t)
	}
	s.CheckNobodyLeft(t, below)
	s.checkLog(t)
	if files, _ := filepath.Glob(filepath.Join(s.TempDir(), "penknife-*")); len(files) > 0 {
		t.Errorf("temporary files are left behind: %q", files)
	}
	if t.Failed() {
		t.Logf("penknife's log:\n%s", Tail(s.Output(), 12000))
	}
}

// checkLog fails for each alarm and for each error that the test does not expect.
func (s *Server) checkLog(t testing.TB) {
	t.Helper()
	if s.options.Alarms {
		return
	}
	for _, line := range AlarmsIn(s.Output()) {
		t.Errorf("the log has an alarm: %s", line)
	}
	if slices.Contains(s.options.Errors, AnyError) {
		return
	}
	for _, message := range ErrorsIn(s.Output()) {
		if !slices.Contains(s.options.Errors, message) {
			t.Errorf("the log has an error that the test does not expect (Options.Errors): %q", message)
		}
	}
}

// CheckSocketsGone fails for each socket file of the server that is still there.
func (s *Server) CheckSocketsGone(t testing.TB) {
	for _, path := range []string{s.HTTPUnix, s.Uwsgi} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left behind", filepath.Base(path))
		}
	}
}

// CheckNobodyLeft waits up to 2 seconds for the processes to be gone.
func (s *Server) CheckNobodyLeft(t testing.TB, pids []int) {
	t.Helper()
	err := Await(2*time.Second, func() error {
		for _, pid := range pids {
			if Alive(pid) {
				return fmt.Errorf("process %d is left behind", pid)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Tail gives the last n bytes of a text.
func Tail(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return "[…]" + text[len(text)-n:]
}

// Run runs penknife with arguments to its end and gives its exit code and output.
func Run(t testing.TB, timeout time.Duration, arguments ...string) (code int, output string) {
	t.Helper()
	p := Start(t, Dir(t), nil, Binary(t), arguments...)
	code = p.Wait(t, timeout)
	return code, p.Output()
}
