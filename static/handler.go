package static

import (
	"fmt"
	"log/slog"
	"slices"

	"penknife/configs"
	"penknife/gateway"
)

// Counter is told how each request below a mount was answered; how is an Outcome. It must not block.
type Counter interface {
	Answered(how int)
}

// Deps is what the handler gets from the composition root.
type Deps struct {
	Next    gateway.Handler // answers what no mount does
	Counter Counter         // nil: nobody counts
	Log     *slog.Logger
}

// Handler answers requests below its mounts and passes on all others. It needs no start and no stop.
type Handler struct {
	mounts []*mount // longest prefix first
	next   gateway.Handler
}

var _ gateway.Handler = (*Handler)(nil)

// New makes a Handler. Roots are named by path and looked at again for each request, so that a root may be a symbolic
// link that a deploy moves. The error names the mount that cannot be used.
func New(sections []configs.Static, deps Deps) (*Handler, error) {
	h := &Handler{next: deps.Next}
	open := newOpener()
	seed := newSeed()
	for i, cfg := range sections {
		m, err := newMount(cfg, open, deps)
		if err != nil {
			return nil, fmt.Errorf("static[%d]: %w", i, err)
		}
		m.boundary = seed
		h.mounts = append(h.mounts, m)
	}
	slices.SortStableFunc(h.mounts, func(a, b *mount) int { return len(b.prefix) - len(a.prefix) })
	return h, nil
}

// HeldBytes tells how many bytes of memory the files take that are held there. It does not block.
func (h *Handler) HeldBytes() int64 {
	var sum int64
	for _, m := range h.mounts {
		sum += m.memory.size.Load()
	}
	return sum
}

// engineName is what Trace.Engine says of requests that a mount answered.
const engineName = "static"

// Serve answers a request below a mount from that mount; where several fit, the longest prefix counts, in whole
// segments of the path. It passes all others on to Deps.Next. With Request.Later set it blocks only for looking names
// up on the disk; files are then read in a goroutine.
func (h *Handler) Serve(r *gateway.Request) (*gateway.Response, error) {
	for _, m := range h.mounts {
		if rest, ok := m.match(r.Path); ok {
			r.Trace.Engine = engineName // a miss that falls on gets another
			return m.serve(r, rest)
		}
	}
	return h.next.Serve(r)
}
