package workers

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"
)

// controlLinger is how long after a worker's exit its control socket is read on, when a process that the application
// started still holds the other end. What the worker itself sent is there already.
const controlLinger = 50 * time.Millisecond

// workerProcess is the real workerHandle: our ends of what ties a worker to this process. Its methods are called by
// the supervisor's goroutine only.
type workerProcess struct {
	birth uint64
	index int
	log   *slog.Logger // names the worker
	mail  *mailbox
	files fileReceiver
	flow  *flow
	host  *host
	// caller is what Python code of this process asks; set with host.
	caller Caller

	// lifeline is never written to: when it closes, because we close it or because this process dies, the kernel
	// kills the worker.
	lifeline       *os.File
	control        *net.UnixConn
	stdout, stderr *os.File
	process        *process // nil before adopt
	dumps          stackDumps

	controlDone chan struct{}
}

// newWorkerProcess makes both ends. theirs are, in order, what the worker expects: lifeline, control socket, stdout,
// stderr, and the pipe for dumps of stacks; the caller closes them when they were sent.
func newWorkerProcess() (*workerProcess, []*os.File, error) {
	w := &workerProcess{controlDone: make(chan struct{})}
	theirs, err := w.connect()
	if err != nil {
		w.abandon()
		closeAll(theirs...)
		return nil, nil, err
	}
	w.dumps.signal = func() { w.signal(stackSignal) }
	return w, theirs, nil
}

// connect makes our ends, and gives theirs, also those that it had made when there was an error.
func (w *workerProcess) connect() (theirs []*os.File, err error) {
	pipe := func(read, write **os.File) {
		if err == nil {
			*read, *write, err = os.Pipe()
		}
	}
	var lifeline, control, stdout, stderr, dumps *os.File
	pipe(&lifeline, &w.lifeline)
	if err == nil {
		w.control, control, err = controlPair("worker control")
	}
	pipe(&w.stdout, &stdout)
	pipe(&w.stderr, &stderr)
	pipe(&w.dumps.pipe, &dumps)
	return []*os.File{lifeline, control, stdout, stderr, dumps}, err
}

func (w *workerProcess) abandon() {
	if w.caller != nil {
		w.caller.Leave()
	}
	closeAll(w.lifeline, w.stdout, w.stderr, w.dumps.pipe)
	if w.control != nil {
		_ = w.control.Close()
	}
}

func (w *workerProcess) adopt(pid int) error {
	p, err := adoptProcess(w.host.family, pid)
	if err != nil {
		w.abandon()
		return err
	}
	w.process = p
	w.host.family.follow(pid, func(by syscall.Signal) { w.mail.put(halted{w.birth, by}) })
	w.host.pump(w.stdout, w.log.With("stream", "stdout"), nil, w.flow)
	w.host.pump(w.stderr, w.log.With("stream", "stderr"), nil, w.flow)
	go w.readControl() // ends with the socket, at the latest by watch
	go w.watch()       // ends with the process
	return nil
}

func (w *workerProcess) signal(number syscall.Signal) { _ = w.process.signal(number) }

func (w *workerProcess) stacks(tell func(string)) { w.dumps.ask(tell) }

func (w *workerProcess) kill() { w.process.killGroup() }

// memory reads the second and the third number of statm: pages that are resident, and those of them that are files or
// shared memory.
func (w *workerProcess) memory() int64 {
	if w.process == nil {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", w.process.pid))
	if err != nil {
		return 0 // it is gone; its exit is on its way
	}
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared); err != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}

func (w *workerProcess) cpuTime() time.Duration {
	if w.process == nil {
		return 0
	}
	return w.process.cpuTime()
}

// watch waits for the end of the process and reports it when everything that the process said was heard. Its group
// ends with it: nobody would stop what the application has left running.
func (w *workerProcess) watch() {
	if err := w.process.await(); err != nil && !errors.Is(err, syscall.ECHILD) {
		w.log.Error("wait for worker", "error", err)
	}
	w.process.killGroup()
	_ = w.control.SetReadDeadline(time.Now().Add(controlLinger))
	<-w.controlDone
	w.caller.Leave()
	w.flow.close()
	w.dumps.running.Wait()
	_ = w.dumps.pipe.Close()
	e := w.process.reap()
	w.host.oom.explain(&e)
	_ = w.control.Close()
	_ = w.lifeline.Close()
	w.mail.put(workerExited{w.birth, e})
}
