package series

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what a metric is. python/penknife/metrics.py has the same numbers.
type Kind uint8

// The kinds.
const (
	Counter Kind = 1 + iota
	Gauge        // one cell for all processes
	Histogram
	Summary  // without quantiles
	LiveSum  // a gauge of each process; the sum over those that live
	LiveMin  // the least
	LiveMax  // the greatest
	LiveEach // each, with the label pid
	lastKind = LiveEach
)

var kindNames = [...]string{
	Counter: "counter", Gauge: "gauge", Histogram: "histogram", Summary: "summary",
	LiveSum: "livesum", LiveMin: "livemin", LiveMax: "livemax", LiveEach: "liveall",
}

// String names the kind for people.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// perProcess says that each process has a cell of its own.
func (k Kind) perProcess() bool { return k >= LiveSum && k <= lastKind }

// Definition is a metric as the application describes it.
type Definition struct {
	Kind    Kind
	Name    string // as /metrics shows it
	Help    string
	Labels  []string
	Buckets []float64 // upper bounds of a Histogram, without +Inf
}

// Bounds of what is no setting.
const (
	maxName    = 256
	maxHelp    = 4096
	maxLabels  = 32
	maxBuckets = 256
	maxValue   = 1024 // bytes of a label's value
)

// ErrInvalid is a definition or a series that no metric can have; its text says what is wrong.
var ErrInvalid = errors.New("not a metric")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// ours are the beginnings of names that the application cannot use, since penknife shows such metrics itself.
var ours = []string{"penknife_", "go_", "process_", "promhttp_"}

func (d *Definition) check() error {
	if d.Kind == 0 || d.Kind > lastKind {
		return invalid("there is no such kind of metric")
	}
	if len(d.Name) > maxName || !isName(d.Name, true) {
		return invalid("%.100q is no name: letters, digits, _ and :, at most %d", d.Name, maxName)
	}
	for _, prefix := range ours {
		if strings.HasPrefix(d.Name, prefix) {
			return invalid("%s: names that begin with %s are penknife's own", d.Name, prefix)
		}
	}
	if d.Kind == Counter && !strings.HasSuffix(d.Name, "_total") {
		return invalid("%s: the name of a counter ends with _total", d.Name)
	}
	if len(d.Help) > maxHelp || !utf8.ValidString(d.Help) {
		return invalid("%s: the help text is too long, or not UTF-8", d.Name)
	}
	if err := d.checkLabels(); err != nil {
		return err
	}
	return d.checkBuckets()
}

func (d *Definition) checkLabels() error {
	if len(d.Labels) > maxLabels {
		return invalid("%s: more than %d labels", d.Name, maxLabels)
	}
	for i, label := range d.Labels {
		taken := d.Kind == Histogram && label == "le" || d.Kind == Summary && label == "quantile" || d.Kind == LiveEach && label == "pid"
		if len(label) > maxName || !isName(label, false) || strings.HasPrefix(label, "__") || taken {
			return invalid("%s: %.100q cannot be a label of a %s", d.Name, label, d.Kind)
		}
		if slices.Contains(d.Labels[:i], label) {
			return invalid("%s: the label %s is there twice", d.Name, label)
		}
	}
	return nil
}

func (d *Definition) checkBuckets() error {
	if d.Kind != Histogram {
		if len(d.Buckets) > 0 {
			return invalid("%s: a %s has no buckets", d.Name, d.Kind)
		}
		return nil
	}
	if len(d.Buckets) > maxBuckets {
		return invalid("%s: more than %d buckets", d.Name, maxBuckets)
	}
	for i, bound := range d.Buckets {
		if math.IsNaN(bound) || math.IsInf(bound, 0) || i > 0 && bound <= d.Buckets[i-1] {
			return invalid("%s: the bounds of buckets grow, and are finite", d.Name)
		}
	}
	return nil
}

// isName checks the classic data model of Prometheus: [a-zA-Z_][a-zA-Z0-9_]*, and colons in names of metrics.
func isName(text string, colons bool) bool {
	for i, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' && colons
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}

func (d *Definition) equal(other *Definition) bool {
	return d.Kind == other.Kind && d.Name == other.Name && d.Help == other.Help &&
		slices.Equal(d.Labels, other.Labels) && slices.Equal(d.Buckets, other.Buckets)
}

// shown are the names that appear on /metrics.
func (d *Definition) shown() []string {
	switch d.Kind {
	case Histogram:
		return []string{d.Name, d.Name + "_bucket", d.Name + "_sum", d.Name + "_count"}
	case Summary:
		return []string{d.Name, d.Name + "_sum", d.Name + "_count"}
	}
	return []string{d.Name}
}

// cells is how many a series of it has.
func (d *Definition) cells() int {
	switch d.Kind {
	case Histogram:
		return len(d.Buckets) + 2
	case Summary:
		return 2
	}
	return 1
}

// checkValues checks the values of the labels.
func (d *Definition) checkValues(values []string) error {
	if len(values) != len(d.Labels) {
		return invalid("%s has %d labels, not %d", d.Name, len(d.Labels), len(values))
	}
	for _, value := range values {
		if len(value) > maxValue || !utf8.ValidString(value) {
			return invalid("%s: a label's value is longer than %d bytes, or not UTF-8", d.Name, maxValue)
		}
	}
	return nil
}
