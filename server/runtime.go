package server

import (
	"runtime"
	"runtime/debug"
	"strings"

	"penknife/osproc"
)

// gcPercent is what GOGC is unless the operator says otherwise. The live heap is a few megabytes (connections and
// their buffers; requests and responses live in shared memory), so at Go's default of 100 the collector would run
// after every few megabytes of garbage. Letting the heap grow to four times the live size costs some tens of
// megabytes at most and most of the collector's work goes away.
const gcPercent = 300

// tuneGC sets the collector for the process. GOGC, if set, is the operator's word; GOMEMLIMIT is left to the runtime,
// which obeys it by itself.
func tuneGC(environ []string) {
	if !isSet(environ, "GOGC") {
		debug.SetGCPercent(gcPercent)
	}
}

// tuneProcessors gives Go one processor more than there are CPUs for work, since link.Keeper takes one under load; on
// two CPUs the Python workers need the second anyway, so there it stays at two. GOMAXPROCS, if set, is the operator's
// word. It returns how many CPUs this process may use.
func tuneProcessors(environ []string) (cpus int) {
	if isSet(environ, "GOMAXPROCS") {
		return runtime.GOMAXPROCS(0)
	}
	cpus = osproc.CPUs()
	processors := cpus + 1
	if cpus == 2 {
		processors = cpus
	}
	runtime.GOMAXPROCS(processors)
	return cpus
}

func isSet(environ []string, name string) bool {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok && value != "" {
			return true
		}
	}
	return false
}
