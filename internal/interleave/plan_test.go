package interleave_test

import "penknife/internal/interleave/rewrite"

// linkChanges say to the explorer what waits in workers/link, make the memory small, and name the accesses to it that are
// not atomic.
var linkChanges = []rewrite.Change{
	{File: "slot.go", Old: "select {\n\tcase s.wake <- struct{}{}:\n\tdefault:\n\t}", New: "interleave.TrySend(s.wake, struct{}{})"},
	{File: "slot.go", Old: "copy(s.varsArea, req.Vars)", New: "interleave.Touched(s.varsArea[:len(req.Vars)], true)\n\tcopy(s.varsArea, req.Vars)"},
	{File: "slot.go", Old: "if _, err := readFullAt(spool, first, 0); err", New: "interleave.Touched(first, true)\n\t\tif _, err := readFullAt(spool, first, 0); err"},
	{File: "head.go", Old: "s.headCopy = append(", New: "interleave.Touched(s.headArea[:headLen], false)\n\ts.headCopy = append("},
	{File: "head.go", Old: "go s.refill()", New: "interleave.Go(s.refill)"},
	{File: "body.go", Old: "<-b.s.wake", New: "interleave.Recv(b.s.wake)"},
	{File: "body.go", Old: "_, err := readFullAt(spool, piece, at)", New: "interleave.Touched(piece, true)\n\t\t_, err := readFullAt(spool, piece, at)"},
	{File: "queue.go", Old: "<-s.wake", New: "interleave.Recv(s.wake)"},
	{File: "queue.go", Old: "close(waiter)", New: "interleave.Close(waiter)"},
	{File: "queue.go", Old: "close(q.stopped)", New: "interleave.Close(q.stopped)"},
	{File: "queue.go", Old: "select {\n\tcase <-done:\n\t\treturn nil\n\tcase <-ctx.Done():\n\t\treturn ctx.Err()\n\t}", New: "interleave.Recv(done)\n\treturn ctx.Err()"},
	{File: "queue.go", Old: "q.events.event.Close()", New: "interleave.Poller{}.Close()"},
	{File: "queue.go", Old: "return q.mem.close()", New: "return nil"},
	{File: "queue.go", Old: "newMemory(g, laneSpin(o.Spin))", New: "modelMemory(g, laneSpin(o.Spin))"},
	{File: "queue.go", Old: "newEventBits(mem)", New: "modelEventBits(mem)"},
	{File: "entry.go", Old: "select {\n\t\tcase e.quiet <- struct{}{}:\n\t\tdefault:\n\t\t}", New: "interleave.TrySend(e.quiet, struct{}{})"},
	{File: "entry.go", Old: "<-e.quiet", New: "interleave.Recv(e.quiet)"},
	// The eventfd is never full here: that is about hostile workers.
	{File: "eventbits.go", Old: "func (e *eventBits) relieve() (full bool) {\n", New: "func (e *eventBits) relieve() (full bool) {\n\tif true {\n\t\treturn false\n\t}\n"},
	{File: "futex.go", Old: "syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakeOp, n, 0, 0, 0)", New: "interleave.FutexWake(unsafe.Pointer(word), int(n))"},
	{File: "futex.go", Old: "\t\"syscall\"\n", New: ""},
	{File: "scan.go", Old: "select {\n\t\tcase q.scanKick <- struct{}{}:\n\t\tdefault:\n\t\t}", New: "interleave.TrySend(q.scanKick, struct{}{})"},
	{File: "scan.go", Old: "select {\n\t\tcase <-q.stopped:\n\t\t\treturn\n\t\tcase <-q.scanKick:\n\t\t}", New: "if interleave.Either(q.stopped, q.scanKick) {\n\t\t\treturn\n\t\t}"},
	{File: "scan.go", Old: "select {\n\t\tcase <-q.stopped:\n\t\t\treturn false\n\t\tcase <-ticker.C:", New: "switch interleave.Tick(q.stopped) {\n\t\tcase false:\n\t\t\treturn false\n\t\tcase true:"},
	{File: "scan.go", Old: "ticker := time.NewTicker(scanInterval)\n\tdefer ticker.Stop()\n", New: ""},
	{File: "scan.go", Old: "q.lived.at(time.Now())", New: "q.lived.at(interleave.Now())"},
	{File: "scan.go", Old: "q.lived.resume(time.Now())", New: "q.lived.resume(interleave.Now())"},
	{File: "spin.go", Old: "start := time.Now(); !found && time.Since(start)", New: "start := interleave.Now(); !found && interleave.Since(start)"},
	{File: "spin.go", Old: "spinLooks = 64", New: "spinLooks = 1"},
	{File: "clock.go", Old: "base := time.Now()", New: "base := interleave.Now()"},
	{File: "memory.go", Old: "headArea    = 64 << 10", New: "headArea    = 64"},
	{File: "memory.go", Old: "requestRing = 256 << 10", New: "requestRing = 16"},
	{File: "memory.go", Old: "powerOfTwo(max(o.ResponseBuffer, 16<<10))", New: "16"},
}

// wholeFiles take no part: the keeper occupies a processor and does nothing else.
var wholeFiles = []string{"keeper.go", "doc.go", "layout.go"}

// modelFiles are the scenarios.
var modelFiles = []string{"interleave_world_test.go", "interleave_scenarios_test.go", "interleave_test.go"}
