package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"penknife/gateway"
	"penknife/uwsgiproto"
)

// encodeVars makes a block of keys and values in turn.
func encodeVars(pairs ...string) []byte {
	var block []byte
	for i := 0; i < len(pairs); i += 2 {
		var err error
		if block, err = uwsgiproto.AppendVar(block, pairs[i], pairs[i+1]); err != nil {
			panic(err)
		}
	}
	return block
}

// Truth: nginx's log_format combined with its escape=default, which turns a quote, a backslash and every byte below 32 or
// above 126 into \xHH, and its status 499.
func TestCombinedFormat(t *testing.T) {
	start := time.Date(2024, 2, 29, 23, 59, 58, 0, time.FixedZone("", -5*3600))
	full := &gateway.Request{
		Start: start, Method: []byte("GET"), Target: []byte("/a?b=%20c"), Proto: []byte("HTTP/1.1"),
		RemoteAddr: []byte("192.0.2.1"),
		Vars:       encodeVars("HTTP_REFERER", "first", "REMOTE_USER", "ann", "HTTP_USER_AGENT", "curl/8", "HTTP_REFERER", "http://r/"),
	}
	hostile := &gateway.Request{
		Start: start, Method: []byte("GE\nT"), Target: []byte("/\"\\\x00\x1b[2J\r\n\x7f\xc3\xa9"), Proto: []byte("HTTP/1.1"),
		RemoteAddr: []byte("::1"), Vars: encodeVars("HTTP_USER_AGENT", "a\" 200 1 \"", "HTTP_REFERER", "x\ny"),
	}
	broken := &gateway.Request{Start: start, Vars: []byte{255, 255, 1}}
	gone := &gateway.Error{Kind: gateway.KindClientGone}
	tests := []struct {
		name    string
		request *gateway.Request
		outcome gateway.Outcome
		want    string
	}{
		{"all fields", full, gateway.Outcome{Status: 200, Sent: 1234},
			`192.0.2.1 - ann [29/Feb/2024:23:59:58 -0500] "GET /a?b=%20c HTTP/1.1" 200 1234 "http://r/" "curl/8"`},
		{"client gone", full, gateway.Outcome{Err: gone},
			`192.0.2.1 - ann [29/Feb/2024:23:59:58 -0500] "GET /a?b=%20c HTTP/1.1" 499 0 "http://r/" "curl/8"`},
		{"cut", full, gateway.Outcome{Err: errors.New("x")},
			`192.0.2.1 - ann [29/Feb/2024:23:59:58 -0500] "GET /a?b=%20c HTTP/1.1" 000 0 "http://r/" "curl/8"`},
		{"hostile", hostile, gateway.Outcome{Status: 404, Sent: 9},
			`::1 - - [29/Feb/2024:23:59:58 -0500] "GE\x0AT /\x22\x5C\x00\x1B[2J\x0D\x0A\x7F\xC3\xA9 HTTP/1.1" 404 9 "x\x0Ay" "a\x22 200 1 \x22"`},
		{"nothing known", broken, gateway.Outcome{Status: 400, Sent: 1},
			`- - - [29/Feb/2024:23:59:58 -0500] "  " 400 1 "-" "-"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := string(appendCombined(nil, test.request, test.outcome, &clockText{}))
			if got != test.want+"\n" {
				t.Errorf("got  %swant %s", got, test.want)
			}
		})
	}
}

func TestClockFollowsTheSecond(t *testing.T) {
	var clock clockText
	at := time.Unix(1_700_000_000, 999).UTC()
	first := string(clock.append(nil, at))
	if again := string(clock.append(nil, at.Add(500*time.Millisecond))); again != first {
		t.Errorf("%s after %s", again, first)
	}
	if next := string(clock.append(nil, at.Add(time.Second))); next == first {
		t.Error("the second does not pass")
	}
}

// slowWriter takes a write only when told to.
type slowWriter struct {
	entered chan int
	proceed chan struct{}
}

func (s *slowWriter) Write(p []byte) (int, error) {
	s.entered <- len(p)
	<-s.proceed
	return len(p), nil
}

func line() *gateway.Request {
	return &gateway.Request{Start: time.Now(), Target: []byte("/" + strings.Repeat("x", 1000))}
}

func TestAccessLogDropsRatherThanBlocks(t *testing.T) {
	out := &slowWriter{entered: make(chan int), proceed: make(chan struct{})}
	var messages safeBuffer
	a := newAccessLog(out, slog.New(slog.NewTextHandler(&messages, nil)))
	a.start()
	for range accessFlush/1000 + 1 {
		a.add(line(), gateway.Outcome{Status: 200})
	}
	<-out.entered // the writer is stuck in its first write from here on
	for range accessLimit/1000 + 100 {
		a.add(line(), gateway.Outcome{Status: 200})
	}
	if len(a.lines) > accessLimit+2000 {
		t.Errorf("%d bytes wait", len(a.lines))
	}
	close(out.proceed)
	go func() { <-out.entered }()
	if err := a.shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(messages.String(), "lines dropped") {
		t.Errorf("log: %s", &messages)
	}
}

func TestAccessLogWritesAtStopAndGivesUpOnTime(t *testing.T) {
	var out safeBuffer
	a := newAccessLog(&out, slog.New(slog.DiscardHandler))
	a.start()
	a.add(line(), gateway.Outcome{Status: 200})
	if err := a.shutdown(t.Context()); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v, wrote %q", err, &out)
	}

	stuck := &slowWriter{entered: make(chan int), proceed: make(chan struct{})}
	a = newAccessLog(stuck, slog.New(slog.DiscardHandler))
	a.start()
	a.add(line(), gateway.Outcome{Status: 200})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- a.shutdown(ctx) }()
	<-stuck.entered
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	close(stuck.proceed)
	<-a.done
}

func TestAccessLogWritesWithinItsInterval(t *testing.T) {
	var out safeBuffer
	a := newAccessLog(&out, slog.New(slog.DiscardHandler))
	a.start()
	begin := time.Now()
	a.add(line(), gateway.Outcome{Status: 200})
	eventually(t, "the line is written", func() bool { return out.String() != "" })
	if took := time.Since(begin); took < accessInterval/2 {
		t.Errorf("written after %v", took)
	}
	if err := a.shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAccessLogAllocatesNothing(t *testing.T) {
	a := newAccessLog(&safeBuffer{}, slog.New(slog.DiscardHandler))
	r := &gateway.Request{Start: time.Now(), Method: []byte("GET"), Target: []byte("/"), Vars: encodeVars("HTTP_REFERER", "x")}
	a.lines = make([]byte, 0, 1<<20)
	if n := testing.AllocsPerRun(100, func() { a.add(r, gateway.Outcome{Status: 200}) }); n != 0 {
		t.Errorf("%v allocations for a line", n)
	}
}

func FuzzAccessVars(f *testing.F) {
	f.Add(encodeVars("HTTP_REFERER", "x"))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, vars []byte) {
		r := &gateway.Request{Vars: vars, Target: vars, Start: time.Unix(0, 0)}
		got := appendCombined(nil, r, gateway.Outcome{}, &clockText{})
		if strings.Count(string(got), "\n") != 1 || strings.Count(string(got), `"`) != 6 {
			t.Errorf("%q", got)
		}
	})
}
