package tuning

import (
	"runtime"
	"strings"

	"penknife/osproc"
)

// Processors gives Go one processor more than there are CPUs, since link.Keeper takes one under load. GOMAXPROCS, if
// set, is the operator's word. It returns how many CPUs this process may use.
func Processors(environ []string) (cpus int) {
	if isSet(environ, "GOMAXPROCS") {
		return runtime.GOMAXPROCS(0)
	}
	cpus = osproc.CPUs()
	runtime.GOMAXPROCS(cpus + 1)
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
