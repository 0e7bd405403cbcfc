package uwsgistats

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penknife/control"
	"penknife/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func report() control.Report {
	return control.Report{
		At: time.Unix(1000, 0),
		Status: control.Status{
			Version: "1.2 go1.26.0 linux/amd64", PID: 7,
			Listeners: []control.Listener{{Protocol: "uwsgi", Address: "127.0.0.1:3031"}, {Protocol: "http", Address: "unix:/x"}},
			Current: control.Generation{Number: 3, Waiting: 5, Threads: 2, Workers: []control.Worker{
				{Index: 0, PID: os.Getpid(), State: "ready", Busy: 1, Requests: 40, Resident: 99, Started: time.Unix(900, 0)},
				{Index: 1, PID: 0, State: "starting"},
			}},
			Daemons: []control.Daemon{{Name: "queue", PID: 11, Restarts: 2}},
			Jobs:    []control.Job{{Name: "nightly", Schedule: "30 4 * * 1"}, {Name: "often", Schedule: "@hourly"}},
		},
		Running: []control.Running{
			{Generation: 3, Worker: 0, Thread: 1, Method: "GET", Path: "/a?token=secret", Client: "10.0.0.1", Age: 3},
			{Generation: 2, Worker: 0, Thread: 0, Method: "GET", Path: "/of-another-generation"},
		},
		Cache: &control.CacheStats{Entries: 4, Hits: 5, Misses: 6},
	}
}

func add(t *Tally, worker, pid int, took time.Duration, err error) {
	r := &gateway.Request{Trace: gateway.Trace{Worker: worker, PID: pid, App: took}}
	t.Add(r, gateway.Outcome{Sent: 100, Err: err})
}

func TestDocument(t *testing.T) {
	tally := NewTally()
	add(tally, 1, 50, 10*time.Millisecond, nil)
	add(tally, 1, 51, 20*time.Millisecond, gateway.Errorf(gateway.KindApp, "x"))
	add(tally, 1, 51, 0, gateway.Errorf(gateway.KindRequestTimeout, "x"))
	add(tally, 0, 0, 0, gateway.Errorf(gateway.KindOverloaded, "x"))
	add(tally, maxWorkers+1, 9, 0, nil)
	add(tally, 2, 60, 0, errors.New("the client left"))
	r := report()
	d := newDocument(&r, tally, []Backlog{{Protocol: "uwsgi", Address: "127.0.0.1:3031", Waiting: 2, Max: 128}})
	if d.Version != "penknife-1.2" || d.PID != 7 || d.ListenQueue != 5 || d.ListenQueueErrors != 1 || len(d.Workers) != 2 || d.UID != os.Getuid() {
		t.Errorf("head: %+v", d)
	}
	w := d.Workers[0]
	if w.ID != 1 || w.Accepting != 1 || w.Status != "busy" || w.Requests != 3 || w.Delta != 40 || w.Exceptions != 1 || w.Harakiri != 1 ||
		w.Respawns != 1 || w.Sent != 300 || w.RunningTime != 30000 || w.Average != 6250 || w.RSS != 99 || w.VSZ == 0 || w.LastSpawn != 900 {
		t.Errorf("worker 1: %+v", w)
	}
	if c := w.Cores[1]; len(w.Cores) != 2 || c.InRequest != 1 || c.Info.Start != 997 || w.Cores[0].InRequest != 0 || w.Cores[0].Requests != 3 ||
		strings.Join(c.Vars, " ") != "REQUEST_METHOD=GET PATH_INFO=/a REMOTE_ADDR=10.0.0.1" {
		t.Errorf("cores: %+v", w.Cores)
	}
	if w := d.Workers[1]; w.Status != "cheap" || w.Accepting != 0 || w.Exceptions != 0 || w.Requests != 1 {
		t.Errorf("worker 2: %+v", w)
	}
	if s := d.Sockets; len(s) != 2 || s[0].Queue != 2 || s[0].MaxQueue != 128 || s[1].MaxQueue != 0 || s[0].Name != "127.0.0.1:3031" {
		t.Errorf("sockets: %+v", s)
	}
	if c := d.Crons; len(c) != 2 || c[0].Minute != 30 || c[0].Hour != 4 || c[0].Day != -1 || c[0].Week != 1 || c[1].Minute != -1 {
		t.Errorf("crons: %+v", c)
	}
	if len(d.Daemons) != 1 || d.Daemons[0].Respawns != 2 || len(d.Caches) != 1 || d.Caches[0].Hits != 5 {
		t.Errorf("daemons %+v, caches %+v", d.Daemons, d.Caches)
	}
}

func startServer(t *testing.T) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Deps{Report: report, Backlogs: func() []Backlog { return nil }, Tally: NewTally(), Log: slog.New(slog.DiscardHandler)})
	s.Start(listener)
	return listener.Addr().String(), func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestServer_PlainAndHTTP(t *testing.T) {
	address, stop := startServer(t)
	defer stop()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(conn)
	_ = conn.Close()
	var d document
	if err != nil || json.Unmarshal(content, &d) != nil || d.PID != 7 {
		t.Errorf("plain: %v, %.100q", err, content)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // a test
	if err := json.NewDecoder(answer.Body).Decode(&d); err != nil || answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("HTTP: %v, %v", answer.Status, err)
	}
}

// TestServer_Bounded: clients that do not read, and too many of them.
func TestServer_Bounded(t *testing.T) {
	address, stop := startServer(t)
	var conns []net.Conn
	for range 2 * maxClients {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	served := 0
	for _, conn := range conns {
		if line, _ := bufio.NewReader(conn).ReadString('\n'); line == "{\n" {
			served++
		}
		_ = conn.Close()
	}
	if served == 0 {
		t.Error("nobody got a document")
	}
	stop()
}
