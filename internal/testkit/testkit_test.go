package testkit

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFrontsStart starts each real server with nobody behind it: what is answered must be its own bad-gateway page.
func TestFrontsStart(t *testing.T) {
	nowhere := Dir(t) + "/nobody.sock"
	fronts := map[string]*Front{
		"nginx":    NginxPass(t, nowhere, ""),
		"apache":   Apache(t, "unix:"+nowhere+"|uwsgi://penknife/"),
		"lighttpd": Lighttpd(t, nowhere, ""),
	}
	for name, front := range fronts {
		answer := front.Client().Do(t, Call{})
		if answer.Status < 500 || answer.Cut != nil {
			t.Errorf("%s: %d, cut %v", name, answer.Status, answer.Cut)
		}
	}
}

func TestProcessGroupEnds(t *testing.T) {
	var child int
	t.Run("inner", func(t *testing.T) {
		p := Start(t, Dir(t), nil, "sh", "-c", "sleep 600 & echo started; wait")
		p.AwaitOutput(t, "started")
		below := Descendants(p.PID())
		if len(below) != 1 {
			t.Fatalf("descendants: %v", below)
		}
		child = below[0]
	})
	Eventually(t, 2*time.Second, func() error {
		if Alive(child) {
			return errors.New("the child of the ended process lives")
		}
		return nil
	})
}

func TestClientSeesACutBody(t *testing.T) {
	for name, test := range map[string]struct {
		wire string
		cut  bool
	}{
		"length":        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false},
		"short":         {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", true},
		"chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false},
		"no last chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			// Ends after its one connection.
			go func() {
				conn, _ := listener.Accept()
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = conn.Write([]byte(test.wire))
				_ = conn.Close()
			}()
			answer := HTTPClient(listener.Addr().String()).Do(t, Call{})
			if string(answer.Body) != "abc" || (answer.Cut != nil) != test.cut {
				t.Errorf("body %q, cut %v", answer.Body, answer.Cut)
			}
		})
	}
}

func TestProcReadsThisProcess(t *testing.T) {
	pid := os.Getpid()
	if n := Descriptors(t, pid); n < 3 {
		t.Errorf("%d descriptors", n)
	}
	if PSS(t, pid) < 1<<20 || RSS(t, pid) < PSS(t, pid) {
		t.Errorf("PSS %d, RSS %d", PSS(t, pid), RSS(t, pid))
	}
	if WakeUps([]int{pid}) == 0 || !Alive(pid) || Alive(1<<30) {
		t.Error("this process is not seen as living")
	}
}

func TestGateHoldsAReader(t *testing.T) {
	gate := NewGate(t)
	p := Start(t, Dir(t), nil, "sh", "-c", "echo waiting; head -c1 '"+gate.Path+"' >/dev/null; echo passed")
	p.AwaitOutput(t, "waiting")
	if strings.Contains(p.Output(), "passed") {
		t.Error("the gate was open")
	}
	gate.Pass(t, 1)
	if code := p.Wait(t, 5*time.Second); code != 0 || !strings.Contains(p.Output(), "passed") {
		t.Errorf("exit code %d: %s", code, p.Output())
	}
}

func TestExitCodes(t *testing.T) {
	p := Start(t, Dir(t), nil, "sh", "-c", "exit 3")
	if code := p.Wait(t, 5*time.Second); code != 3 || !p.Exited() {
		t.Errorf("exit code %d", code)
	}
	p = Start(t, Dir(t), nil, "sleep", "600")
	p.Signal(t, syscall.SIGTERM)
	if code := p.Wait(t, 5*time.Second); code != -1 {
		t.Errorf("exit code %d after a signal", code)
	}
}

func TestInterpreters(t *testing.T) {
	for _, interpreter := range Interpreters(t) {
		if _, err := os.Stat(interpreter.Path); err != nil {
			t.Error(err)
		}
	}
}

// TestAftermathSeesWhatIsLeft: a footprint must show each thing that can be left behind, or nobody would miss it.
func TestAftermathSeesWhatIsLeft(t *testing.T) {
	var before Footprint
	for _, more := range []Footprint{
		{Descriptors: 3}, {Python: 3}, {Processes: 1}, {Zombies: 1}, {Unlinked: 1}, {Files: 1}, {Goroutines: 7},
		{Connections: 1}, {InFlight: 1}, {Generations: 1},
	} {
		if more.Exceeds(before, Footprint{}) == nil {
			t.Errorf("%+v is not seen", more)
		}
		if err := more.Exceeds(before, more); err != nil {
			t.Errorf("it was allowed: %v", err)
		}
	}
	errorsOf := "level=ERROR msg=app text=x\nlevel=ERROR msg=\"worker died\" a=1\nlevel=WARN msg=w\n" +
		`{"time":"x","level":"ERROR","msg":"accept fails"}` + "\nlevel=ERROR msg=\"worker died\" a=2\n"
	if found := ErrorsIn(errorsOf); !slices.Equal(found, []string{"worker died", "accept fails"}) {
		t.Errorf("errors: %q", found)
	}
	log := "one\npanic: two\nthree\nWARNING: DATA RACE\nlevel=ERROR msg=output line=\"panic: of the application\"\n" +
		"level=ERROR msg=output line=\"ERROR: AddressSanitizer: heap-use-after-free\"\n"
	if found := AlarmsIn(log); len(found) != 3 || found[0] != "panic: two" {
		t.Errorf("alarms: %q", found)
	}
}

// TestFootprint takes that of a real server, and of one that holds a request.
func TestFootprint(t *testing.T) {
	s := Penknife(t, Options{App: "streams:application", Chdir: Root(t) + "/internal/e2e/apps", Processes: 2})
	before := s.Footprint(t)
	if before.Processes != 3 || before.Generations != 1 || before.Goroutines < 5 || before.Descriptors < 10 || before.Python < 5 {
		t.Errorf("at rest: %+v", before)
	}
	gate := NewGate(t)
	exchange, err := HTTPClient(s.HTTP).Send(Call{Target: "/wait?gate=" + gate.Path})
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, 5*time.Second, func() error {
		if now := s.Footprint(t); now.InFlight != 1 || now.Connections != 1 || now.Exceeds(before, Footprint{}) == nil {
			return errors.New("the request is not seen")
		}
		return nil
	})
	gate.Pass(t, 1)
	if _, err := exchange.Receive(); err != nil {
		t.Error(err)
	}
	_ = exchange.Close()
	s.Aftermath(t, before, Footprint{})
}

// TestFreePort_NeverTwice: although nobody has used the one before.
func TestFreePort_NeverTwice(t *testing.T) {
	seen := map[int]bool{}
	for range 500 {
		port := FreePort(t)
		if seen[port] || port < firstPort || port >= endPort {
			t.Fatalf("%d again, or out of bounds", port)
		}
		seen[port] = true
	}
}
