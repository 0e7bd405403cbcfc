package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// client is one connection, and what it saw. The latencies of all clients are put together at the end.
type client struct {
	o    *options
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	req  fasthttp.Request
	resp fasthttp.Response

	latencies []time.Duration
	lags      []time.Duration // how much later than due the generator itself woke
	bytes     int64           // of bodies
	errors    counts
}

// counts are the requests that went wrong, by how.
type counts struct {
	Connect int `json:"connect"`
	Read    int `json:"read"`
	Write   int `json:"write"`
	Status  int `json:"status"`
	Timeout int `json:"timeout"`
	Wrong   int `json:"wrong"`
}

// result is what the harness reads. Latencies are microseconds.
type result struct {
	Requests     int   `json:"requests"`
	Microseconds int64 `json:"microseconds"`
	Bytes        int64 `json:"bytes"`
	counts
	P50        int64 `json:"p50"`
	P99        int64 `json:"p99"`
	P999       int64 `json:"p999"`
	Max        int64 `json:"max"`
	LateP99    int64 `json:"late"`       // the generator's own lateness, 99th percentile
	Unanswered int   `json:"unanswered"` // connections that had no answer at all
}

// run makes the load and waits for its last answer, o.patience after its end at most.
func run(o options) result {
	clients := make([]*client, o.connections)
	start := time.Now()
	end := start.Add(o.length)
	var next atomic.Int64
	var wait sync.WaitGroup
	for i := range clients {
		c := newClient(&o)
		clients[i] = c
		wait.Add(1)
		go func() { // ends with the load: every read and write has a deadline
			defer wait.Done()
			defer c.hangUp()
			if o.rate > 0 {
				c.paced(start, end, &next)
			} else {
				c.greedy(end)
			}
		}()
	}
	wait.Wait()
	return gather(clients, time.Since(start))
}

func newClient(o *options) *client {
	c := &client{o: o, in: bufio.NewReaderSize(nil, 64<<10), out: bufio.NewWriterSize(nil, 64<<10)}
	c.req.Header.SetMethod(o.method)
	c.req.SetRequestURI(o.uri)
	c.req.Header.SetHost(o.address)
	for _, line := range o.headers {
		name, value, _ := strings.Cut(line, ": ")
		c.req.Header.Set(name, value)
	}
	if o.upload != nil {
		c.req.Header.SetContentType("application/octet-stream")
		c.req.SetBodyRaw(o.upload)
	}
	return c
}

// paced takes the next request that is due, waits for its time, and charges it from then on.
func (c *client) paced(start, end time.Time, next *atomic.Int64) {
	gap := float64(time.Second) / c.o.rate
	for {
		due := start.Add(time.Duration(float64(next.Add(1)-1) * gap))
		if !due.Before(end) {
			return
		}
		if early := time.Until(due); early > 0 {
			time.Sleep(early)
			c.lags = append(c.lags, time.Since(due))
		}
		c.ask(due, end)
	}
}

// greedy asks as soon as the answer before is there, and at least once.
func (c *client) greedy(end time.Time) {
	for now := time.Now(); ; now = time.Now() {
		c.ask(now, end)
		if !now.Before(end) {
			return
		}
	}
}

// ask makes one request. After anything that went wrong the next has a new connection.
func (c *client) ask(from, end time.Time) {
	if c.conn == nil && !c.dial(end) {
		return
	}
	c.conn.SetDeadline(end.Add(c.o.patience))
	if err := c.send(); err != nil {
		c.fail(err, &c.errors.Write)
		return
	}
	c.resp.Reset()
	if err := c.resp.Read(c.in); err != nil {
		c.fail(err, &c.errors.Read)
		return
	}
	c.latencies = append(c.latencies, time.Since(from))
	c.bytes += int64(len(c.resp.Body()))
	switch {
	case c.resp.StatusCode() != fasthttp.StatusOK:
		c.errors.Status++
	case !bytes.Equal(c.resp.Body(), c.o.expect):
		c.errors.Wrong++
	}
	if c.o.closes || c.resp.ConnectionClose() {
		c.hangUp()
	}
}

func (c *client) send() error {
	if err := c.req.Write(c.out); err != nil {
		return err
	}
	return c.out.Flush()
}

func (c *client) dial(end time.Time) bool {
	conn, err := net.DialTimeout("tcp", c.o.address, time.Until(end)+c.o.patience)
	if err != nil {
		c.errors.Connect++
		time.Sleep(10 * time.Millisecond) // a server that is gone must not be asked in a tight loop
		return false
	}
	c.conn = conn
	c.in.Reset(conn)
	c.out.Reset(conn)
	return true
}

// fail counts a request that has no answer. In a closed loop a connection that was never served is no error of a
// request: it is counted as unanswered, as wrk leaves it out. In an open loop the request was due.
func (c *client) fail(err error, kind *int) {
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		if c.o.rate > 0 || len(c.latencies) > 0 {
			c.errors.Timeout++
		}
	default:
		*kind++
	}
	c.hangUp()
}

func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// gather puts together what the clients saw.
func gather(clients []*client, took time.Duration) result {
	r := result{Microseconds: took.Microseconds()}
	var latencies, lags []time.Duration
	for _, c := range clients {
		latencies, lags = append(latencies, c.latencies...), append(lags, c.lags...)
		r.Bytes += c.bytes
		r.Connect += c.errors.Connect
		r.Read += c.errors.Read
		r.Write += c.errors.Write
		r.Status += c.errors.Status
		r.Timeout += c.errors.Timeout
		r.Wrong += c.errors.Wrong
		if len(c.latencies) == 0 {
			r.Unanswered++
		}
	}
	slices.Sort(latencies)
	slices.Sort(lags)
	r.Requests = len(latencies)
	r.P50, r.P99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
	r.P999, r.Max = percentile(latencies, 0.999), percentile(latencies, 1)
	r.LateP99 = percentile(lags, 0.99)
	return r
}

// percentile gives the smallest value that a share of all does not exceed, in microseconds; 0 of none.
func percentile(sorted []time.Duration, share float64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(share*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)].Microseconds()
}
