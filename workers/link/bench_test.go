package link

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"penknife/gateway"
)

// browserVars are what a browser's request has, behind method and path.
var browserVars = []string{
	"QUERY_STRING", "page=2&sort=date", "REQUEST_URI", "/hello?page=2&sort=date", "SERVER_PROTOCOL", "HTTP/1.1",
	"REQUEST_SCHEME", "https", "REMOTE_ADDR", "192.0.2.7", "REMOTE_PORT", "50123", "SERVER_NAME", "shop.example.org",
	"SERVER_PORT", "443", "CONTENT_TYPE", "", "CONTENT_LENGTH", "", "HTTP_HOST", "shop.example.org",
	"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5", "HTTP_ACCEPT_ENCODING", "gzip, deflate, br",
	"HTTP_REFERER", "https://shop.example.org/account", "HTTP_COOKIE", "sessionid=abcdefghijklmnopqrstuvwxyz",
	"HTTP_CONNECTION", "keep-alive", "HTTP_UPGRADE_INSECURE_REQUESTS", "1", "HTTP_SEC_FETCH_DEST", "document",
}

// BenchmarkEnviron is what a request costs the Python process: claim, environ, call and answer, in CPU time of that
// process (worker-ns/op). The difference between the two is what the variables cost.
func BenchmarkEnviron(b *testing.B) {
	for name, extra := range map[string][]string{"two": nil, "browser": browserVars} {
		b.Run(name, func(b *testing.B) {
			h := startHarness(b, testOptions())
			vars := newRequest("GET", "/hello", extra...).Vars
			if _, _, err := h.get(newRequest("GET", "/hello"), nil); err != nil { // it has started
				b.Fatal(err)
			}
			before := cpuOf(b, h.cmd.Process.Pid)
			b.ResetTimer()
			saturate(b, h.q, vars)
			b.StopTimer()
			b.ReportMetric(float64(cpuOf(b, h.cmd.Process.Pid)-before)/float64(b.N), "worker-ns/op")
		})
	}
}

// saturate makes b.N requests with enough of them under way at once that the worker never waits.
func saturate(b *testing.B, q *Queue, vars []byte) {
	const clients = 16
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() { // ends after its share
			req := &gateway.Request{ID: 1, Vars: vars}
			for range (b.N + clients - 1 - i) / clients {
				resp, err := q.Serve(req, nil)
				if err != nil {
					b.Error(err)
					return
				}
				resp.Body.CloseWithError(nil)
			}
		})
	}
	wait.Wait()
}

// cpuOf gives the nanoseconds that the first thread of a process has run.
func cpuOf(b *testing.B, pid int) int64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		b.Fatal(err)
	}
	ran, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return ran
}
