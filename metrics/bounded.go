package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// boundedLimit is how many values a bounded label may have; our own reasons and causes are fewer.
const boundedLimit = 64

// bounded is a counter whose last label is a text from other packages: the first boundedLimit values get a series
// each, all later ones share "other". It is for rare events, not for every request.
type bounded struct {
	vec *prometheus.CounterVec

	mu    sync.Mutex // guards known
	known map[string]struct{}
}

func newBounded(registry *prometheus.Registry, opts prometheus.CounterOpts, labels ...string) *bounded {
	b := &bounded{vec: prometheus.NewCounterVec(opts, labels), known: map[string]struct{}{}}
	registry.MustRegister(b.vec)
	return b
}

// expect makes the series of values that are known to come, at 0: a series that begins with 1 has no increase that a
// query could see. It serves counters with one label.
func (b *bounded) expect(values []string) {
	for _, value := range values {
		if b.admit(value) {
			b.vec.WithLabelValues(value)
		}
	}
}

// inc counts an event; the last of the values is the bounded one.
func (b *bounded) inc(values ...string) {
	last := len(values) - 1
	if !b.admit(values[last]) {
		values[last] = "other"
	}
	b.vec.WithLabelValues(values...).Inc()
}

func (b *bounded) admit(value string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.known[value]; ok {
		return true
	}
	if len(b.known) >= boundedLimit {
		return false
	}
	b.known[value] = struct{}{}
	return true
}
