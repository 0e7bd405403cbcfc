package server

import (
	"runtime/debug"
	"strings"
)

// gcPercent is what GOGC is unless the operator says otherwise. The live heap is a few megabytes (connections and
// their buffers; requests and responses live in shared memory), so at Go's default of 100 the collector would run
// after every few megabytes of garbage. Letting the heap grow to four times the live size costs some tens of
// megabytes at most and most of the collector's work goes away.
const gcPercent = 300

// tuneGC sets the collector for the process. GOGC, if set, is the operator's word; GOMEMLIMIT is left to the runtime,
// which obeys it by itself.
func tuneGC(environ []string) {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "GOGC="); ok && value != "" {
			return
		}
	}
	debug.SetGCPercent(gcPercent)
}
