//go:build cgo

package interleave

// maxThreads is how many threads an execution can have.
const maxThreads = 16

// vector is a vector clock: how many events of each thread came before.
type vector [maxThreads]uint16

func (v *vector) join(other *vector) {
	for i, n := range other {
		v[i] = max(v[i], n)
	}
}

// set is a set of threads.
type set uint32

func (s set) has(thread int) bool { return s&(1<<thread) != 0 }
func one(thread int) set          { return 1 << thread }
