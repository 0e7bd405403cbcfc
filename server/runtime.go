package server

import (
	"runtime"
	"strings"

	"penknife/osproc"
)

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
