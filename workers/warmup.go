package workers

import (
	"cmp"
	"net/url"
	"strings"

	"penknife/configs"
)

// warmupRequest is a request that a worker answers by itself before it takes others; python/penknife/warmup.py makes the
// environ of it.
type warmupRequest struct {
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
	Path   string `json:"path"` // decoded
	Query  string `json:"query"`
	Target string `json:"target"` // as in a request line
}

// warmupRequests takes app.warmup apart. Texts that configs has not let through are left out.
func warmupRequests(c Config) []warmupRequest {
	requests := []warmupRequest{} // not null for Python
	for _, text := range c.App.Warmup {
		u, err := configs.ParseWarmup(text)
		if err != nil {
			continue
		}
		requests = append(requests, newWarmupRequest(u, c.Host))
	}
	return requests
}

func newWarmupRequest(u *url.URL, host string) warmupRequest {
	return warmupRequest{
		Scheme: cmp.Or(u.Scheme, "http"), Host: cmp.Or(u.Host, host, "localhost"), Path: cmp.Or(u.Path, "/"),
		Query: u.RawQuery, Target: u.RequestURI(),
	}
}

// onWorkerUnfit takes note that a warm-up request failed. A worker that is strict exits then; one that takes the place of
// another serves, since without it there would be one less.
func (s *supervisor) onWorkerUnfit(e workerUnfit) {
	w := s.byBirth(e.birth)
	if w == nil {
		return
	}
	w.unfit = e.text
	if !w.strict {
		reason, traceback := splitUnfit(e.text)
		s.log.Warn("a warm-up request failed; the worker serves in spite of it", "worker", w.index, "pid", w.pid,
			"request", reason, "traceback", traceback)
	}
}

// splitUnfit takes apart what a worker says of a warm-up request that failed.
func splitUnfit(text string) (reason, traceback string) {
	reason, traceback, _ = strings.Cut(text, "\n")
	return reason, traceback
}
