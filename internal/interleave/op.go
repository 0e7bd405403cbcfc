//go:build cgo

package interleave

// access is one thing that an operation touches. Two operations depend on each other if they touch the same thing and one
// of them changes it.
type access struct {
	object uintptr
	write  bool
}

// op is what a thread is about to do.
type op struct {
	what     string // for traces
	accesses [3]access
	block    *blocker  // nil: it can always be done
	after    []*thread // it can be done once these are over
}

// blocker is what an operation may have to wait for.
type blocker struct {
	ready   func() bool
	enabler int // the event that made it ready, -1: none
}

func newBlocker(ready func() bool) *blocker { return &blocker{ready, -1} }

func reading(what string, object uintptr) op {
	return op{what: what, accesses: [3]access{{object, false}}}
}

func writing(what string, object uintptr) op {
	return op{what: what, accesses: [3]access{{object, true}}}
}

func (o *op) enabled() bool { return o.block == nil || o.block.ready() }

func dependent(a, b *op) bool {
	for _, x := range a.accesses {
		if x.object == 0 {
			continue
		}
		for _, y := range b.accesses {
			if x.object == y.object && (x.write || y.write) {
				return true
			}
		}
	}
	return false
}
