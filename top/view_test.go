package top

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"penknife/control"
)

func report(at int64, requests uint64) *control.Report {
	r := &control.Report{
		At: time.Unix(at, 0), Ready: true,
		Status: control.Status{
			Version: "1.2", PID: 7, State: "running", Application: "mysite.wsgi:application", Uptime: 93784,
			Current: control.Generation{Number: 3, Python: "3.11.7", Threads: 2, Places: 100, InFlight: 3, Waiting: 1},
		},
		Traffic: control.Traffic{Requests: requests, Classes: [6]uint64{5: requests / 10}},
		Memory:  control.Memory{Server: 20 << 20, Zygote: 30 << 20, Workers: 80 << 20},
		History: []control.Sample{{At: time.Unix(at, 0), Seconds: 1, Requests: 50, Latency: control.Latency{P50: .0012, P95: .2, P99: 3}}},
		Running: []control.Running{
			{Generation: 3, Worker: 1, Method: "GET", Path: "/slow\x1b[31m\n", Age: 12, App: 12}, {Generation: 3, Worker: 1, Method: "GET", Path: "/new", Age: 1},
		},
		Errors: []control.Incident{{Last: time.Unix(at, 0), Count: 2, Message: "app", Text: "Traceback\n  File\nKeyError: 'x\x07'\n"}}, ErrorsAll: 9,
	}
	for i := range 12 {
		r.Current.Workers = append(r.Current.Workers, control.Worker{
			Index: i, PID: 100 + i, State: "ready", Requests: requests / 12 * uint64(i), Load: float64(i%5) / 5, Resident: int64(12-i) << 20, Uptime: float64(i * 100),
		})
	}
	return r
}

func screen(m model) string { return ansi.Strip(m.View()) }

// TestView_Fits: whatever the size of the terminal, no line is longer and there are no more of them.
func TestView_Fits(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {200, 60}, {40, 10}, {120, 30}, {20, 5}, {1, 1}} {
		m := model{now: report(1000, 1200), before: report(999, 1000), width: size[0], height: size[1]}
		lines := strings.Split(m.View(), "\n")
		if len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if got := ansi.StringWidth(line); got > size[0] {
				t.Errorf("%v: %d columns: %q", size, got, line)
			}
		}
	}
}

func TestView_Says(t *testing.T) {
	m := model{now: report(1000, 1200), before: report(999, 1000), width: 140, height: 40}
	text := screen(m)
	for _, want := range []string{
		"penknife  running  mysite.wsgi:application  1.2", "up 26h03m", "generation 3", "Python 3.11.7", "200.0/s", "20.0 errors/s",
		"1.2ms p50  200ms p95  3.0s p99", "0/24 busy", "1 waiting", "130M", "latest of 9 errors", "app: KeyError: 'x·' (2 times)",
		"12.0s GET /slow·[31m· and 1 more", "█",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(m.View(), "\x1b[31m\n") || strings.Contains(m.View(), "\x07") {
		t.Error("a request can drive the terminal")
	}
	m.width, m.height = 80, 24
	if text = screen(m); !strings.Contains(text, "12.0s GET /slow·[31m· and") {
		t.Errorf("the usual terminal does not say what workers do:\n%s", text)
	}
	m.width, m.height = 40, 10
	if text = screen(m); !strings.Contains(text, "12.0s GET /sl") || !strings.Contains(text, "penknife  running  mysite") || !strings.Contains(text, "0/24 busy") {
		t.Errorf("a small terminal:\n%s", text)
	}
	m.height = 14
	if text = screen(m); !strings.Contains(text, "more") || strings.Contains(text, "latest of") {
		t.Errorf("a low terminal:\n%s", text)
	}
}

func TestUpdate(t *testing.T) {
	asked := 0
	m := model{now: report(1000, 1200), width: 80, height: 24, fetch: func(context.Context) (control.Report, error) {
		asked++
		return *report(1001, 1300), nil
	}}
	press := func(key string) tea.Cmd {
		next, cmd := m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)})
		m = next.(model)
		return cmd
	}
	update := func(message tea.Msg) tea.Cmd {
		next, cmd := m.Update(message)
		m = next.(model)
		return cmd
	}
	if cmd := update(tick{}); cmd == nil {
		t.Fatal("a tick asks for nothing")
	} else {
		update(cmd())
	}
	if asked != 1 || m.now.Traffic.Requests != 1300 || m.before.Traffic.Requests != 1200 {
		t.Errorf("asked %d times: %d after %d", asked, m.now.Traffic.Requests, m.before.Traffic.Requests)
	}
	update(answered{err: errors.New("it is\x1b gone")})
	if text := screen(m); !strings.Contains(text, "no answer: it is· gone") || !strings.Contains(text, "mysite") {
		t.Errorf("without an answer:\n%s", text)
	}
	press("p")
	if !strings.Contains(screen(m), "paused") {
		t.Error("a pause is not shown")
	}
	press("?")
	if !strings.Contains(screen(m), "this help") {
		t.Error("no help")
	}
	if cmd := press("q"); cmd == nil || cmd() != tea.Quit() {
		t.Error("q does not quit")
	}
	update(tea.WindowSizeMsg{Width: 33, Height: 9})
	if m.width != 33 || m.height != 9 {
		t.Error("the size is not taken over")
	}
}

func TestOrders(t *testing.T) {
	r := report(1000, 1200)
	want := map[order]int{byIndex: 0, byLoad: 4, byRequests: 11, byMemory: 0}
	o := byIndex
	for range int(orders) {
		if got := o.sorted(r.Current.Workers)[0].Index; got != want[o] || o.String() == "" {
			t.Errorf("by %s: worker %d is first, want %d", o, got, want[o])
		}
		o = o.next()
	}
	if o != byIndex {
		t.Errorf("after the last order comes %s", o)
	}
}

func TestText(t *testing.T) {
	rows := map[string]string{
		age(.02): "20ms", age(5): "5.0s", age(65): "1m05s", age(3700): "1h01m", age(200000): "2d07h",
		brief(0): "-", brief(.0005): "500µs", brief(.0123): "12.3ms", brief(.5): "500ms", brief(12): "12.0s",
		size(0): "-", size(999): "999B", size(1 << 20): "1.0M", size(123 << 20): "123M", size(5 << 40): "5.0T",
	}
	for got, want := range rows {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRun_TellsAtOnceThatNobodyAnswers(t *testing.T) {
	gone := errors.New("nobody")
	err := Run(context.Background(), func(context.Context) (control.Report, error) { return control.Report{}, fmt.Errorf("x: %w", gone) }, nil, nil)
	if !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}
