package interleave_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"penknife/internal/interleave/rewrite"
)

// mutant is a fault in one step of the protocol, and the scenario that shows it.
type mutant struct {
	name   string
	plan   string
	change rewrite.Change
}

// accelMutants are faults of the C side.
var accelMutants = []mutant{
	{"a lane sleeps without a second look", "one request", rewrite.Change{
		File: "queue.c", Old: "if (ring_empty(q) && !pk_stopping(lane)) {\n        futex_wait", New: "if (true) {\n        futex_wait"}},
	{"a lane announces sleep after its second look", "one request", rewrite.Change{
		File: "queue.c", Old: "    __atomic_fetch_or(lane->idle_word, lane->idle_bit, __ATOMIC_SEQ_CST);\n    if (ring_empty(q) && !pk_stopping(lane)) {\n",
		New: "    bool idle = ring_empty(q) && !pk_stopping(lane);\n    __atomic_fetch_or(lane->idle_word, lane->idle_bit, __ATOMIC_SEQ_CST);\n    if (idle) {\n"}},
	{"a lane forgets a wake after its announcement", "one request", rewrite.Change{
		File: "queue.c", Old: "    pk_store(lane->wake, 0);\n    __atomic_fetch_or(lane->idle_word, lane->idle_bit, __ATOMIC_SEQ_CST);\n    if (ring_empty(q) && !pk_stopping(lane)) {\n",
		New: "    __atomic_fetch_or(lane->idle_word, lane->idle_bit, __ATOMIC_SEQ_CST);\n    if (ring_empty(q) && !pk_stopping(lane)) {\n        pk_store(lane->wake, 0);\n"}},
	{"a lane does not see that it shall leave", "a worker leaves", rewrite.Change{
		File: "queue.c", Old: "if (ring_empty(q) && !pk_stopping(lane)) {\n        futex_wait", New: "if (ring_empty(q)) {\n        futex_wait"}},
	{"an interruption hits whom the thread has now", "an interruption, then another request", rewrite.Change{
		File: "interrupt.c", Old: "pk_load(r->lane.interrupt) == pk_claim_name(&r->slot)", New: "pk_load(r->lane.interrupt) != 0"}},
	{"nobody is told that the eventfd is closed", "the eventfd is closed by the application", rewrite.Change{
		File: "queue.c", Old: "return errno == EAGAIN; /*", New: "return true; /*"}},
	{"a claim without compare-and-swap", "one request, two workers", rewrite.Change{
		File: "queue.c", Old: "claimed = __atomic_compare_exchange_n(state, &queued, mine, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);",
		New: "claimed = pk_load(state) == queued; if (claimed) { pk_store(state, mine); }"}},
	{"the head moves before the claim", "death, another takes its place", rewrite.Change{
		File: "queue.c", Old: "        bool claimed = false;\n", New: "        uint64_t was = head;\n        __atomic_compare_exchange_n(head_word, &was, head + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);\n        bool claimed = false;\n"}},
	{"a claim without the position", "cancelled, then another", rewrite.Change{
		File: "queue.c", Old: "            uint64_t mine =", New: "            queued = (pk_load(state) & 0xffffffff00000000u) | PK_QUEUED;\n            uint64_t mine ="}},
	{"the summary bit before the slot's bit", "one request", rewrite.Change{
		File: "queue.c", Old: "    __atomic_fetch_or(PK_U64(q->events, (q->summary_words + word) * 8), 1ULL << (slot % 64), __ATOMIC_SEQ_CST);\n    __atomic_fetch_or(PK_U64(q->events, (word / 64) * 8), 1ULL << (word % 64), __ATOMIC_SEQ_CST);\n",
		New: "    __atomic_fetch_or(PK_U64(q->events, (word / 64) * 8), 1ULL << (word % 64), __ATOMIC_SEQ_CST);\n    __atomic_fetch_or(PK_U64(q->events, (q->summary_words + word) * 8), 1ULL << (slot % 64), __ATOMIC_SEQ_CST);\n"}},
	{"the look whether Go sleeps before the bits", "one request", rewrite.Change{
		File: "queue.c", Old: "    uint64_t word = slot / 64;\n    __atomic_fetch_or(", New: "    uint64_t word = slot / 64;\n    if (pk_load(PK_U32(q->base, PK_H_GO_ASLEEP)) == 0) {\n        __atomic_fetch_or(PK_U64(q->events, (q->summary_words + word) * 8), 1ULL << (slot % 64), __ATOMIC_SEQ_CST);\n        __atomic_fetch_or(PK_U64(q->events, (word / 64) * 8), 1ULL << (word % 64), __ATOMIC_SEQ_CST);\n        return true;\n    }\n    __atomic_fetch_or("}},
	{"done before the answer is there", "one request", rewrite.Change{
		File: "body.c", Old: "        publish_progress(r, r->declared);\n        give_back(r);", New: "        give_back(r);\n        publish_progress(r, r->declared);"}},
	{"the phase before the length", "a request body of many windows", rewrite.Change{
		File: "body.c", Old: "        *(int64_t *)PK_U64(control, PK_S_RESP_LEN) = length;\n        pk_store(PK_U32(control, PK_S_PHASE), PK_PHASE_HEAD);\n",
		New: "        pk_store(PK_U32(control, PK_S_PHASE), PK_PHASE_HEAD);\n        *(int64_t *)PK_U64(control, PK_S_RESP_LEN) = length;\n"}},
	{"the phase without an order", "one request", rewrite.Change{
		File: "body.c", Old: "pk_store(PK_U32(control, PK_S_PHASE), PK_PHASE_HEAD)", New: "pk_note(PK_U32(control, PK_S_PHASE), PK_PHASE_HEAD)"}},
	{"an event before the state", "one request", rewrite.Change{
		File: "queue.c", Old: "    pk_store(PK_U64(slot->control, PK_S_STATE), done);\n    return pk_publish(lane->queue, slot->index);",
		New: "    bool told = pk_publish(lane->queue, slot->index);\n    pk_store(PK_U64(slot->control, PK_S_STATE), done);\n    return told;"}},
	{"the state without an order", "one request", rewrite.Change{
		File: "queue.c", Old: "pk_store(PK_U64(slot->control, PK_S_STATE), done)", New: "pk_note(PK_U64(slot->control, PK_S_STATE), done)"}},
	{"a lane that leaves passes nothing on", "a worker leaves, its process does not", rewrite.Change{
		File: "worker.c", Old: "    pk_pass_on(&r->lane);\n", New: ""}},
	{"a slot is written after it was given back", "two requests, one slot", rewrite.Change{
		File: "queue.c", Old: "    pk_store(PK_U64(slot->control, PK_S_STATE), done);\n", New: "    pk_store(PK_U64(slot->control, PK_S_STATE), done);\n    pk_note(PK_U64(slot->control, PK_S_DONE_AT), pk_now());\n"}},
	{"a wait for room without a second look", "a response longer than its window", rewrite.Change{
		File: "util.c", Old: "        if (!ready(r) && !pk_aborted(r)) {\n", New: "        {\n"}},
	{"a wait for room that notes the sequence late", "a response longer than its window", rewrite.Change{
		File: "util.c", Old: "            pk_wait_for_go(&slot, seen);", New: "            pk_wait_for_go(&slot, pk_load(PK_U32(slot.control, PK_S_GO_SEQ)) + 0 * seen);"}},
	{"a wait that is not announced", "a response longer than its window", rewrite.Change{
		File: "util.c", Old: "__atomic_fetch_add(PK_U32(slot.control, PK_S_WAITING), 1, __ATOMIC_SEQ_CST)", New: "(void)0"}},
	{"consumed input is not told", "a request body longer than its window", rewrite.Change{
		File: "input.c", Old: "if (produced < r->body_len && (crossed || produced == r->body_read)) {", New: "if (false && crossed) {"}},
}

// linkMutants are faults of the Go side.
var linkMutants = []mutant{
	{"the reader sleeps without a second look", "one request", rewrite.Change{
		File: "eventbits.go", Old: "e.asleep.Store(1)\n\treturn e.any()", New: "e.asleep.Store(1)\n\treturn false"}},
	{"the reader announces sleep after its second look", "one request", rewrite.Change{
		File: "eventbits.go", Old: "e.asleep.Store(1)\n\treturn e.any()", New: "found := e.any()\n\te.asleep.Store(1)\n\treturn found"}},
	{"a fetch clears the summary after the words", "two requests, two workers", rewrite.Change{
		File: "eventbits.go", Old: "for words := summary.Swap(0); words != 0; words &= words - 1 {", New: "defer summary.Store(0)\n\t\tfor words := summary.Load(); words != 0; words &= words - 1 {"}},
	{"whoever spins does not look again", "two requests, looked for", rewrite.Change{
		File: "spin.go", Old: "	q.fetchEvents() // and", New: "	q.events.asleep.Store(1) // and"}},
	{"a word that a dead worker took is not given back", "death, then another request", rewrite.Change{
		File: "queue.go", Old: "	q.events.asleep.Store(1)\n	for q.events.any()", New: "	for q.events.any()"}},
	{"the tail before the cell", "two requests, one slot", rewrite.Change{
		File: "ring.go", Old: "	r.cell(position).Store(ringEntry(position, slot))\n	r.next = position + 1\n	r.tail.Store(r.next)\n",
		New: "	r.next = position + 1\n	r.tail.Store(r.next)\n	r.cell(position).Store(ringEntry(position, slot))\n"}},
	{"the tail before the state", "one request", rewrite.Change{
		File: "ring.go", Old: "	state.Store(stateWord(uint32(position), -1, stateQueued))\n	r.fill(slot)\n	return", New: "	r.fill(slot)\n	state.Store(stateWord(uint32(position), -1, stateQueued))\n	return"}},
	{"nobody is woken", "one request", rewrite.Change{File: "queue.go", Old: "	if !expected {\n		q.ring.wakeOne()\n	}\n", New: ""}},
	{"an expected lane that does not come", "death, then another request", rewrite.Change{File: "queue.go", Old: "expected && state == stateQueued", New: "false && state == stateQueued"}},
	{"a dead lane's wake is not passed on", "death, a second worker", rewrite.Change{
		File: "death.go", Old: "		q.ring.wakeOne() // the lane", New: "		// the lane"}},
	{"the reader is not woken after a death", "death, a second worker", rewrite.Change{File: "death.go", Old: "	q.fetchEvents() // it", New: "	// it"}},
	{"death looks and settles in two steps", "death, two requests, one slot", rewrite.Change{
		File: "death.go", Old: "	if s.settledBy(worker) {\n", New: "	settled := s.settledBy(worker)\n	s.mu.Unlock()\n	s.mu.Lock()\n	if settled && s.step != stepIdle {\n"}},
	{"a request is taken back by a store", "refused", rewrite.Change{
		File: "scan.go", Old: "	if !s.state.CompareAndSwap(queued, stateWord(s.position, -1, stateCancelled)) {\n",
		New: "	swapped := s.state.Load() == queued\n	if swapped {\n		s.state.Store(stateWord(s.position, -1, stateCancelled))\n	}\n	if !swapped {\n"}},
	{"who submits does not look for a refusal again", "refused, nobody to claim", rewrite.Change{
		File: "queue.go", Old: "if err := q.refusal.Load(); err != nil && s.withdraw() {", New: "if err := q.refusal.Load(); err != nil && false && s.withdraw() {"}},
	{"cells of cancelled requests are not skipped", "cancelled requests go round the ring", rewrite.Change{
		File: "ring.go", Old: "		r.skipDead()\n		if", New: "		if"}},
	{"a slot is free before its worker is done", "a client that leaves, then another", rewrite.Change{
		File: "slot.go", Old: "if !s.workerDone || !s.frontDone", New: "if !s.frontDone"}},
	{"a slot is free before its client is done", "two requests, one slot", rewrite.Change{
		File: "slot.go", Old: "if !s.workerDone || !s.frontDone", New: "if !s.workerDone"}},
	{"a body goes when its client does", "a mapped body, its client has no time", rewrite.Change{
		File: "slot.go", Old: "	if !s.workerDone || !s.frontDone", New: "	if spool := s.spool; spool != nil && s.frontDone && s.step != stepIdle && !s.refilling {\n		s.spool = nil\n		defer spool.Release()\n	}\n	if !s.workerDone || !s.frontDone"}},
	{"a slot is free while its window is refilled", "death while it reads, then another", rewrite.Change{
		File: "slot.go", Old: "|| s.refilling || s.step", New: "|| s.step"}},
	{"the end of a body before its bytes", "a response longer than its window", rewrite.Change{
		File: "body.go", Old: "	done := s.workerDone // before the counter: what is there after that is all\n	consumed, produced := s.consumed, s.respProduced.Load()\n",
		New: "	consumed, produced := s.consumed, s.respProduced.Load()\n	_, _, state := splitState(s.state.Load())\n	done := state == stateDone\n"}},
	{"a waiting worker is not told", "a response longer than its window", rewrite.Change{
		File: "body.go", Old: "		s.tellWorker(0)\n	}\n}\n\n// peek", New: "	}\n}\n\n// peek"}},
	{"the look for a waiting worker before the change", "a response longer than its window", rewrite.Change{
		File: "body.go", Old: "	s.respConsumed.Store(s.consumed)\n	if s.waiting.Load() != 0 &&", New: "	waits := s.waiting.Load()\n	s.respConsumed.Store(s.consumed)\n	if waits != 0 &&"}},
	{"a sequence that is not changed", "a response longer than its window", rewrite.Change{
		File: "slot.go", Old: "	s.goSeq.Add(1)\n", New: ""}},
	{"close does not wait for those inside", "closed and drained", rewrite.Change{
		File: "entry.go", Old: "for left := e.users.Add(closedBias); left != closedBias; left = e.users.Load() {", New: "for left := e.users.Add(closedBias); false; left = left + 0 {"}},
	{"an abort is not told", "a client that leaves", rewrite.Change{
		File: "slot.go", Old: "	if abort != 0 {\n		s.abort.Store(abort)\n	}\n", New: ""}},
}

var failure = regexp.MustCompile(`_test.go:\d+: .*?: (.*)`)

// TestQueue_FindsFaults breaks one step of the protocol after the other: each must be found. Without -model only those of
// the C side are tried, which are compiled quickly.
func TestQueue_FindsFaults(t *testing.T) {
	m := newModel(t)
	program := m.program(t)
	found := 0
	accel, link := choose(accelMutants), choose(linkMutants)
	for _, fault := range accel {
		changed, err := m.accel.Changed(fault.change, t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", fault.name, err)
		}
		workers, err := changed.Link(2)
		if err != nil {
			t.Fatal(err)
		}
		found += mustFail(t, fault, program, workers)
	}
	if *long > 0 {
		workers, err := m.accel.Link(2)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range link {
			found += mustFail(t, fault, m.program(t, fault.change), workers)
		}
	}
	t.Logf("%d faults, all found: %v", found, !t.Failed())
}

// TestFaultsApply: a change of the code must not make a fault one that is never tried.
func TestFaultsApply(t *testing.T) {
	for dir, faults := range map[string][]mutant{"../../python/accel": accelMutants, "../../workers/link": linkMutants} {
		for _, fault := range faults {
			text, err := os.ReadFile(filepath.Join(dir, fault.change.File))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rewrite.Text(fault.change.File, string(text), []rewrite.Change{fault.change}); err != nil {
				t.Errorf("%s: %v", fault.name, err)
			}
		}
	}
}

// choose leaves those whose name has the text of -fault.
func choose(all []mutant) (some []mutant) {
	for _, m := range all {
		if strings.Contains(m.name, *fault) {
			some = append(some, m)
		}
	}
	return some
}

func mustFail(t *testing.T, fault mutant, program string, workers []string) int {
	t.Helper()
	text, err := explore(t, program, workers, "PENKNIFE_PLAN="+fault.plan, "PENKNIFE_EXECUTIONS=20000", "PENKNIFE_RANDOM=20000")
	how := "crashed"
	for line := range strings.Lines(text) {
		if m := failure.FindStringSubmatch(line); m != nil {
			how = m[1]
		}
	}
	if err == nil {
		t.Errorf("not found: %s\n%s", fault.name, text)
		return 0
	}
	t.Logf("%-50s %.130s", fault.name, how)
	return 1
}
