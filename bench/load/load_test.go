package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// against starts a server and gives the options for a short load on it.
func against(t *testing.T, handler http.HandlerFunc) options {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return options{address: strings.TrimPrefix(server.URL, "http://"), uri: "/x", method: "GET", expect: []byte("right"),
		connections: 4, length: 200 * time.Millisecond, patience: 5 * time.Second}
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

func TestClosedLoopCountsRightAnswers(t *testing.T) {
	r := run(against(t, answer("right")))
	if r.Requests < 4 || r.counts != (counts{}) || r.Unanswered != 0 || r.Bytes != int64(5*r.Requests) {
		t.Errorf("%+v", r)
	}
	if r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max {
		t.Errorf("percentiles out of order: %+v", r)
	}
}

func TestEachWrongAnswerIsCounted(t *testing.T) {
	var n atomic.Int64
	o := against(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) {
		case 5:
			io.WriteString(w, "rigth")
		case 6:
			w.WriteHeader(500)
			io.WriteString(w, "right")
		case 7:
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "rig") // and the connection ends
		default:
			io.WriteString(w, "right")
		}
	})
	if r := run(o); r.Wrong != 1 || r.Status != 1 || r.Read != 1 || r.Timeout != 0 {
		t.Errorf("%+v", r)
	}
}

// TestStallIsChargedToEveryRequestThatWaited: of 200 requests, one due each millisecond, those due while the only
// connection waited for one answer have waited too. A closed loop has one slow request.
func TestStallIsChargedToEveryRequestThatWaited(t *testing.T) {
	var n atomic.Int64
	stall := func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 10 {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		io.WriteString(w, "right")
	}
	o := against(t, stall)
	o.connections = 1
	closed := run(o)
	n.Store(0)
	o.rate = 1000
	open := run(o)
	if open.Requests != 200 || open.counts != (counts{}) {
		t.Fatalf("%+v", open)
	}
	// A hundred requests were due in the stall; the closed loop made one of many meanwhile.
	if open.P99 < 80_000 || closed.P99 >= 50_000 {
		t.Errorf("open %+v, closed %+v", open, closed)
	}
}

func TestPacedKeepsItsRate(t *testing.T) {
	var n atomic.Int64
	o := against(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		io.WriteString(w, "right")
	})
	o.rate = 100
	if r := run(o); r.Requests != 20 || n.Load() != 20 {
		t.Errorf("20 requests were due: %+v, %d served", r, n.Load())
	}
}

// TestConnectionThatIsNeverServed: a server with one thread for a connection leaves the others waiting.
func TestConnectionThatIsNeverServed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	server := &http.Server{Handler: answer("right")}
	go server.Serve(&oneAtATime{Listener: listener}) // ends with Close
	defer server.Close()
	o := options{address: listener.Addr().String(), uri: "/", method: "GET", expect: []byte("right"), connections: 3,
		length: 100 * time.Millisecond, patience: 100 * time.Millisecond}
	if r := run(o); r.Unanswered != 2 || r.Timeout != 0 || r.Requests == 0 {
		t.Errorf("closed loop: %+v", r)
	}
}

// oneAtATime accepts one connection and no other.
type oneAtATime struct {
	net.Listener
	taken atomic.Bool
}

func (o *oneAtATime) Accept() (net.Conn, error) {
	if o.taken.Swap(true) {
		for {
			conn, err := o.Listener.Accept()
			if err != nil {
				return nil, err
			}
			defer conn.Close()
		}
	}
	return o.Listener.Accept()
}

func TestUploadsAndClosedConnections(t *testing.T) {
	o := against(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || string(body) != "xxxx" || !r.Close || r.Header.Get("X-A") != "b" {
			w.WriteHeader(400)
		}
		io.WriteString(w, "right")
	})
	o.method, o.upload, o.closes, o.headers = "POST", []byte("xxxx"), true, headers{"Connection: close", "X-A: b"}
	if r := run(o); r.Requests == 0 || r.counts != (counts{}) {
		t.Errorf("%+v", r)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	o := options{address: address, uri: "/", method: "GET", connections: 1, length: 50 * time.Millisecond}
	if r := run(o); r.Connect == 0 || r.Requests != 0 || r.Unanswered != 1 {
		t.Errorf("%+v", r)
	}
}

func TestPercentile(t *testing.T) {
	var all []time.Duration
	for i := 1; i <= 1000; i++ {
		all = append(all, time.Duration(i)*time.Microsecond)
	}
	for share, want := range map[float64]int64{0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := percentile(all, share); got != want {
			t.Errorf("%g: %d, not %d", share, got, want)
		}
	}
	if percentile(nil, 0.5) != 0 || percentile(all[:1], 0.999) != 1 {
		t.Error("few values")
	}
}
