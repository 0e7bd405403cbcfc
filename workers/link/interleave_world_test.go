//go:build interleave

package link

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"unsafe"

	"penknife/gateway"
	"penknife/internal/interleave"
	"penknife/internal/interleave/native"
)

// theMemory is used again by every execution.
var theMemory *memory

// modelMemory stands for newMemory: fresh memory at the address of the last.
func modelMemory(g geometry, spin int) (*memory, error) {
	if theMemory == nil || theMemory.geometry != g {
		made, err := newMemory(g, spin)
		if err != nil {
			return nil, err
		}
		theMemory = made
		return made, nil
	}
	clear(theMemory.data)
	theMemory.writeHeader(spin)
	return theMemory, nil
}

// modelEventBits stands for newEventBits.
func modelEventBits(m *memory) (*eventBits, error) {
	e := &eventBits{mem: m, asleep: m.u32(hGoAsleep), event: os.Stdin, raw: interleave.Poller{}}
	e.look = e.announce
	return e, nil
}

// plan is what a scenario is made of.
type plan struct {
	name             string
	slots            int
	workers, threads int
	options          func(*Options)
	features         int
	watch            bool
	first            uint64 // ring position to begin with
	spin             bool   // submitters trust in looking for the answer
	ticks            int    // of the scanner
	start            func(m *model)
	ends             bool // when everything is quiet, the queue is shut down
}

// model is one execution of a plan.
type model struct {
	plan
	x       *interleave.Execution
	q       *Queue
	procs   []*interleave.Process
	clients []*client
	claims  map[Claim]bool // interrupted on purpose
	asked   bool           // at least one was
	lost    int            // as WorkerDied told
	killed  bool
	closed  bool // the queue is shut down
	busy    int  // threads of the plan that have not ended
	hostile []string
}

// processes are loaded once: a library cannot be loaded twice.
var processes []*interleave.Process

func (p plan) scenario() interleave.Scenario {
	var m *model
	return interleave.Scenario{
		Setup: func(x *interleave.Execution) { m = p.build(x) },
		Quiet: func(x *interleave.Execution, round int) bool { return m.quiet(round) },
	}
}

func (p plan) build(x *interleave.Execution) *model {
	m := &model{plan: p, x: x, claims: map[Claim]bool{}}
	o := Options{Slots: p.slots, Workers: p.workers, Threads: p.threads, MaxVars: 8, ResponseBuffer: 16, Spin: -1, Log: slog.New(slog.DiscardHandler)}
	o.Hostile = func(worker int, reason string) { m.hostile = append(m.hostile, reason) }
	if p.options != nil {
		p.options(&o)
	}
	q, err := New(o)
	if err != nil {
		x.Failf("%v", err)
		return m
	}
	m.q, x.Workers, x.Label = q, p.workers, m.label
	if p.first != 0 {
		q.ring.next, q.ring.believed = p.first, p.first
		q.ring.head.Store(p.first)
		q.ring.tail.Store(p.first)
	}
	if p.spin {
		q.spin.trust.Store(spinLimit)
	}
	x.Memory(q.mem.data, m)
	x.Ticks(p.ticks, 5*announcedFile)
	for worker := range p.workers {
		processes[worker].EventClosed = false
		m.procs = append(m.procs, processes[worker])
		q.WorkerStarting(worker)
		m.startWorker(worker)
	}
	x.Go("reader", q.readEvents)
	if p.ticks > 0 {
		x.Go("scanner", q.scan)
	}
	p.start(m)
	return m
}

func (m *model) startWorker(worker int) {
	if err := m.procs[worker].Reset(m.q.mem.data, m.features); err != nil {
		m.x.Failf("worker %d: %v", worker, err)
		return
	}
	m.x.Start(m.procs[worker], m.threads, m.watch)
}

// do starts a thread that must come to its end.
func (m *model) do(name string, f func()) {
	m.busy++
	m.x.Go(name, func() {
		f()
		m.busy--
	})
}

// client is one request and what came of it.
type client struct {
	id          uint64
	app         int
	body        []byte
	leaves      bool // without reading the body
	later       bool
	outcomes    int
	begun       int
	err         error
	got         []byte
	released    int
	over        bool
	interrupted int
	complete    bool // its answer was when its worker died
	place       int  // of the body in the memory; 0: it comes by the window
	shared      []byte
}

// ReadAt, Size, Shared and Release make the client its own spool.
func (c *client) ReadAt(p []byte, at int64) (int, error) { return copy(p, c.body[at:]), nil }
func (c *client) Size() int64                            { return int64(len(c.body)) }
func (c *client) Shared() (int64, bool)                  { return int64(c.place), c.place != 0 }

// Release wipes what workers map: none may look there any more.
func (c *client) Release() {
	c.released++
	clear(c.shared)
}

// bodiesAt is the part of the header page that the model uses as memory for bodies.
const bodiesAt = 1024

// share lays the body where workers read it.
func (c *client) share(m *model, body string) {
	c.place = bodiesAt + 64*len(m.clients)
	c.body, c.shared = []byte(body), m.q.mem.data[c.place:c.place+len(body)]
	copy(c.shared, body)
}

// request starts a client. Requests have different ids, which say what the application does.
func (m *model) request(app int, change func(*client)) *client {
	c := &client{id: uint64(len(m.clients)+1)*native.AppKinds + uint64(app), app: app}
	if change != nil {
		change(c)
	}
	m.clients = append(m.clients, c)
	m.x.Go(fmt.Sprintf("client%d", len(m.clients)), func() { m.serve(c) })
	return c
}

func (m *model) serve(c *client) {
	req := &gateway.Request{ID: c.id, Vars: binary.LittleEndian.AppendUint64(nil, c.id)}
	var spool Spool
	if c.body != nil {
		spool = c
	}
	if c.later {
		req.Later = func(r *gateway.Response, err error) { m.answered(c, r, err) }
	}
	resp, err := m.q.Serve(req, spool)
	if err != gateway.ErrPending {
		m.answered(c, resp, err)
	}
	if err == ErrClosed && spool != nil {
		c.Release() // it is still the caller's
	}
}

func (m *model) answered(c *client, resp *gateway.Response, err error) {
	if c.outcomes++; c.outcomes > 1 {
		m.x.Failf("request %d has %d outcomes", c.id, c.outcomes)
	}
	if c.err = err; err == nil {
		c.read(m, resp)
	}
	c.over = true
}

// read reads the response to its end or leaves.
func (c *client) read(m *model, resp *gateway.Response) {
	if length := c.length(); resp.Length != length {
		m.x.Failf("request %d: length %d, want %d", c.id, resp.Length, length)
	}
	if resp.Status != 200 || string(resp.Reason) != "OK" || string(resp.Fields) != "A: b\r\n" {
		m.x.Failf("request %d: head %d %q %q", c.id, resp.Status, resp.Reason, resp.Fields)
	}
	switch {
	case c.leaves:
	case resp.Whole != nil:
		interleave.Touched(resp.Whole, false)
		c.got = append(c.got, resp.Whole...)
	default:
		c.pump(resp.Body.(gateway.Windowed))
	}
	resp.Body.CloseWithError(nil)
}

func (c *client) pump(b gateway.Windowed) {
	for {
		piece, err := b.Next()
		if err != nil {
			if fmt.Sprint(err) != "EOF" {
				c.err = err
			}
			return
		}
		interleave.Touched(piece, false)
		c.got = append(c.got, piece...)
		b.Advance(len(piece))
	}
}

// length is what the head says of the body.
func (c *client) length() int64 {
	if c.app == native.AppStream || c.app == native.AppCut {
		return -1
	}
	return int64(len(c.want()))
}

// want is the body that the application sends, whole.
func (c *client) want() []byte {
	if c.app == native.AppEcho {
		return c.body
	}
	size := map[int]int{native.AppStream: 24, native.AppCut: 12}[c.app]
	if size == 0 {
		size = 12
	}
	all := make([]byte, size)
	for at := range all {
		all[at] = byte(c.id*7 + uint64(at))
	}
	return all
}

// Began, Interrupted and Allowed are what lanes tell.
func (m *model) Began(request uint64, position uint32, lane int) {
	for _, c := range m.clients {
		if c.id == request {
			if c.begun++; c.begun > 1 {
				m.x.Failf("request %d was given to the application twice", request)
			}
			return
		}
	}
	m.x.Failf("lane %d has request %d, which nobody sent", lane, request)
}

// Interrupted judges whether it was this claim that was to be interrupted.
func (m *model) Interrupted(request uint64, position uint32) {
	for _, c := range m.clients {
		if c.id != request {
			continue
		}
		for claim := range m.claims {
			if claim.Position == position {
				c.interrupted++
				return
			}
		}
	}
	m.x.Failf("request %d at %d was interrupted, and not %v", request, position, m.claims)
}

// raw reads a word without taking part.
func (m *model) raw(offset int) uint64 { return binary.LittleEndian.Uint64(m.q.mem.data[offset:]) }

// Allowed is the table of layout.h: who may write what when.
func (m *model) Allowed(lane int, a interleave.Access) string {
	at, g := int(a.Offset), &m.q.mem.geometry
	switch {
	case at >= g.offAreas:
		return m.ownsSlot((at-g.offAreas)/g.areaSize, lane)
	case at >= g.offSlots:
		return m.allowedInSlot((at-g.offSlots)/slotSize, lane, a)
	case a.Hint && at >= g.offLanes && at < g.offWorkers && (at-g.offLanes)%laneSize != lWake && (at-g.offLanes)/laneSize == lane:
		return ""
	case a.Hint && at >= g.offWorkers && at < g.offRing && (at-g.offWorkers)%workerSize == wRunning:
		return ""
	case a.Hint:
		return "a word of the protocol, not sequentially consistent"
	case a.Write && at >= g.offRing && at < g.offEvents || a.Write && at < headerSize && at < hGoAsleep || a.Write && at == hRingTail:
		return "only Go writes there"
	}
	return ""
}

func (m *model) allowedInSlot(slot, lane int, a interleave.Access) string {
	word := (int(a.Offset) - m.q.mem.offSlots) % slotSize
	switch {
	case word == sState && a.Claim:
		return ""
	case a.Hint && word != sClaimedAt && word != sDoneAt:
		return "a word of the protocol, not sequentially consistent"
	case a.Write && word >= sGoSeq && word < sWaiting:
		return "only Go writes there"
	}
	return m.ownsSlot(slot, lane)
}

func (m *model) ownsSlot(slot, lane int) string {
	word := m.raw(m.q.mem.offSlots + slot*slotSize + sState)
	if _, owner, state := splitState(word); owner != lane || state != stateClaimed {
		return fmt.Sprintf("the slot's state is %#x, and not claimed by lane %d", word, lane)
	}
	return ""
}

// label names words of the memory in traces.
func (m *model) label(object uintptr) string {
	offset := int(object - uintptr(unsafe.Pointer(&m.q.mem.data[0])))
	g, sleepers := &m.q.mem.geometry, ""
	if offset < 0 || offset >= g.total {
		return ""
	}
	if offset%4 == 1 {
		offset, sleepers = offset-1, " (sleepers)"
	}
	names := map[int]string{hGoAsleep: "asleep", hRingHead: "head", hRingTail: "tail", hIdle: "idle"}
	slotNames := map[int]string{sState: "state", sGoSeq: "goSeq", sAbort: "abort", sWaiting: "waiting", sPhase: "phase", sFlags: "flags",
		sRespProduced: "respProduced", sRespConsumed: "respConsumed", sReqProduced: "reqProduced", sReqConsumed: "reqConsumed"}
	switch {
	case offset >= g.offAreas:
		return fmt.Sprintf("area of slot %d", (offset-g.offAreas)/g.areaSize)
	case offset >= g.offSlots:
		slot, word := (offset-g.offSlots)/slotSize, (offset-g.offSlots)%slotSize
		return strings.TrimSpace(fmt.Sprintf("slot %d %s%d%s", slot, slotNames[word], word, sleepers))
	case offset >= g.offEvents:
		return fmt.Sprintf("events %d", (offset-g.offEvents)/8)
	case offset >= g.offRing:
		return fmt.Sprintf("cell %d", (offset-g.offRing)/8)
	case offset >= g.offWorkers:
		return fmt.Sprintf("worker word %d%s", offset-g.offWorkers, sleepers)
	case offset >= g.offLanes:
		return fmt.Sprintf("lane %d word %d%s", (offset-g.offLanes)/laneSize, (offset-g.offLanes)%laneSize, sleepers)
	}
	return names[offset]
}

// background is a context that never ends.
func background() context.Context { return context.Background() }
