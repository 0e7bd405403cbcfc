package workers

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"penknife/osproc"
)

// bootstrap is what the interpreter is given with -c. It must parse under every Python.
const bootstrap = `import sys; sys.path.insert(0, "` + packagePath + `"); from penknife.bootstrap import main; main()`

// packagePath is where the interpreter finds our package: a zip that it inherits.
const packagePath = "/proc/self/fd/4"

// orderTimeout bounds the writing of an order into the zygote's socket; only a zygote that hangs lets it run out.
const orderTimeout = 2 * time.Second

// settings is the first message to a zygote.
type settings struct {
	App          string `json:"app"`
	Chdir        string `json:"chdir"`
	Preload      bool   `json:"preload"`
	Threads      int    `json:"threads"`
	Multiprocess bool   `json:"multiprocess"`
	StackSignal  int    `json:"stack_signal"`
	Watch        bool   `json:"watch"` // tell which files are imported
	// InterruptSignal is 0 when requests are not interrupted.
	InterruptSignal int             `json:"interrupt_signal"`
	Warmup          []warmupRequest `json:"warmup"`
	// StacksAfter is when a process that is not ready shows where it hangs, in seconds; 0: never.
	StacksAfter float64 `json:"stacks_after"`
	// Geometry is link.Queue.Geometry in hexadecimal digits.
	Geometry string `json:"geometry"`
}

// stacksAfter is when a process that is not ready shows where it hangs: after nine tenths of workers.start_timeout, at the end
// of which it is killed, or earlier if less than half a second were left, which a busy machine may need for it.
func stacksAfter(startTimeout time.Duration) time.Duration {
	return max(startTimeout/2, min(startTimeout/10*9, startTimeout-500*time.Millisecond))
}

// zygoteLauncher is the real launcher of one generation. The supervisor's goroutine calls its methods.
type zygoteLauncher struct {
	host     *host
	mail     *mailbox
	log      *slog.Logger
	files    fileReceiver
	settings settings
	python   string   // path of the interpreter, not resolved: a virtual environment is found by it
	env      []string // complete environment
	// inherited are the zygote's descriptors 4 to 8: package, accelerator, queue memory, eventfd, memory for bodies.
	inherited [5]*os.File
	// oomScore is workers.oom_score_adj.
	oomScore int
	// batch says that the application's processes run under SCHED_BATCH, whatever this process does at the moment.
	batch bool

	sessions map[int]bool // of all zygotes of the generation

	output  outputLimits
	dropped func(lines int) // of output

	zygote *zygote // the latest; nil before the first
}

// zygote is one zygote process: our ends of what ties it to this process.
type zygote struct {
	number   uint64
	host     *host
	mail     *mailbox
	log      *slog.Logger
	process  *process
	control  *net.UnixConn
	lifeline *os.File // never written to; see workerProcess
	output   [2]*pump
	tail     *tail
	flow     *flow
	stopping atomic.Bool
	caller   Caller

	controlDone chan struct{}
}

func (l *zygoteLauncher) startZygote(number uint64) (pid int, err error) {
	z := &zygote{number: number, host: l.host, mail: l.mail, tail: &tail{}, controlDone: make(chan struct{}),
		log: l.log.With("worker", "zygote"), caller: l.host.calls.Join("zygote")}
	z.flow = newFlow(l.output, z.log, l.dropped)
	first, err := json.Marshal(l.settings)
	if err != nil {
		return 0, err
	}
	var ours, theirs []*os.File
	defer func() {
		closeAll(theirs...)
		if err != nil {
			closeAll(ours...)
			z.caller.Leave()
			if z.control != nil {
				_ = z.control.Close()
			}
		}
	}()
	for range 3 { // lifeline: they read; stdout and stderr: they write
		r, w, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		ours, theirs = append(ours, r), append(theirs, w)
	}
	ours[0], theirs[0] = theirs[0], ours[0]
	var control *os.File
	if z.control, control, err = controlPair("zygote control"); err != nil {
		return 0, err
	}
	theirs = append(theirs, control)
	if z.process, err = l.execute(theirs); err != nil {
		return 0, err
	}
	l.host.family.follow(z.process.pid, func(by syscall.Signal) { z.mail.put(zygoteHalted{z.number, by}) })
	l.host.family.addSession(z.process.pid)
	l.sessions[z.process.pid] = true
	if err := raiseOOMScore(z.process.pid, l.oomScore); err != nil {
		z.log.Warn("the kernel may end penknife before a worker when memory runs out", "error", err)
	}
	if l.batch {
		if err := osproc.SetPolicy(z.process.pid, osproc.Batch); err != nil {
			z.log.Warn("cpu scheduling stays as it is", "pid", z.process.pid, "error", err)
		}
	}
	z.lifeline = ours[0]
	z.output[0] = l.host.pump(ours[1], z.log.With("stream", "stdout"), z.tail, z.flow)
	z.output[1] = l.host.pump(ours[2], z.log.With("stream", "stderr"), z.tail, z.flow)
	l.zygote = z
	go z.read()       // ends with the socket, at the latest by watch
	go z.watch()      // ends with the process
	_ = l.send(first) // an error is that of a zygote that is gone: watch tells
	return z.process.pid, nil
}

// execute starts the interpreter; theirs is lifeline, stdout, stderr, control.
func (l *zygoteLauncher) execute(theirs []*os.File) (*process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	files := []uintptr{uintptr(rawFD(null))}
	for _, f := range []*os.File{theirs[1], theirs[2], theirs[3]} {
		files = append(files, uintptr(forChild(f)))
	}
	for _, f := range l.inherited {
		files = append(files, uintptr(rawFD(f)))
	}
	files = append(files, uintptr(forChild(theirs[0])))
	p, err := startProcess(l.host.family, l.python, []string{l.python, "-c", bootstrap}, &syscall.ProcAttr{
		Dir: l.settings.Chdir, Env: l.env, Files: files,
	})
	if err != nil {
		return nil, notExecuted(l.python, l.settings.Chdir, err)
	}
	return p, nil
}

// notExecuted says which of the two it was: the kernel has one error for an interpreter that cannot be executed and for a
// directory that the process may not enter.
func notExecuted(interpreter, chdir string, err error) *StartError {
	if dir := unix.Access(chdir, unix.X_OK); dir != nil {
		return &StartError{Kind: StartDirectory,
			Reason: fmt.Sprintf("user %d cannot enter %s: %s", os.Geteuid(), chdir, dir)}
	}
	return &StartError{Kind: StartInterpreter, Reason: interpreter + " cannot be executed", Err: err}
}

// send gives a message and descriptors to the zygote. An error means that it is dead or hangs.
func (l *zygoteLauncher) send(message []byte, files ...*os.File) error {
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = forChild(f)
		}
		rights = unix.UnixRights(fds...)
	}
	if err := l.zygote.control.SetWriteDeadline(time.Now().Add(orderTimeout)); err != nil {
		return err
	}
	_, _, err := l.zygote.control.WriteMsgUnix(message, rights, nil)
	return err
}

func (l *zygoteLauncher) stopZygote() {
	if l.zygote != nil {
		l.zygote.stopping.Store(true)
		_ = l.zygote.control.CloseWrite()
	}
}

func (l *zygoteLauncher) killZygote() {
	if l.zygote != nil {
		l.zygote.stopping.Store(true)
		l.zygote.process.killGroup()
	}
}

func (l *zygoteLauncher) spawn(birth uint64, index int, strict bool) (workerHandle, error) {
	w, theirs, err := newWorkerProcess()
	if err != nil {
		return nil, err
	}
	defer closeAll(theirs...)
	w.birth, w.index, w.mail, w.files, w.host = birth, index, l.mail, l.files, l.host
	w.log = l.log.With("worker", index)
	w.flow = newFlow(l.output, w.log, l.dropped)
	w.caller = l.host.calls.Join(strconv.Itoa(index))
	if err := l.send(orderOf(birth, index, strict), theirs...); err != nil {
		w.abandon()
		return nil, err
	}
	return w, nil
}

// orderOf is what python/accel/fork.c calls an order.
func orderOf(birth uint64, index int, strict bool) []byte {
	order := binary.LittleEndian.AppendUint64(nil, birth)
	order = binary.LittleEndian.AppendUint32(order, uint32(index))
	if strict {
		return binary.LittleEndian.AppendUint32(order, 1)
	}
	return binary.LittleEndian.AppendUint32(order, 0)
}

// Kinds of messages of a zygote, beside sayReady and sayFailed.
const (
	sayBegun      = 'H'
	sayRefused    = 'I'
	saySpawned    = 'P' // birth and pid, 8 and 4 bytes
	sayNotSpawned = 'X' // birth and the reason
)

// read passes on what the zygote says until its socket ends. A zygote that talks nonsense is killed.
func (z *zygote) read() {
	defer close(z.controlDone)
	buffer := make([]byte, maxControlMessage)
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	for {
		raw, files, err := readMessage(z.control, buffer, oob)
		if err == nil && len(raw) == 1 && raw[0] == sayCall && len(files) == 1 {
			z.caller.Accept(files[0])
			continue
		}
		closeAll(files...)
		if errors.Is(err, errNoDescriptor) {
			z.log.Warn("a process of the application may not call penknife now", "error", err)
			continue
		}
		if err == nil {
			err = z.hear(raw)
		}
		if errors.Is(err, errNonsense) {
			z.log.Error("zygote sent a malformed message; it is killed")
			z.process.killGroup()
			return
		}
		if err != nil {
			return
		}
	}
}

func (z *zygote) hear(raw []byte) error {
	if len(raw) == 0 {
		return errNonsense
	}
	var m struct {
		Version string   `json:"version"`
		Threads []string `json:"threads"`
	}
	kind, body := raw[0], raw[1:]
	switch kind {
	case sayBegun:
		z.mail.put(zygoteBegun{z.number})
		return nil
	case sayRefused:
		z.mail.put(zygoteRefused{z.number, StartInterpreter, string(body)})
		return nil
	case sayFailed:
		z.mail.put(zygoteRefused{z.number, StartImport, string(body)})
		return nil
	case sayImported:
		z.host.imported(string(body))
		return nil
	}
	switch {
	case kind == sayReady && json.Unmarshal(body, &m) == nil:
		z.mail.put(zygoteReady{z.number, m.Version, m.Threads})
	case kind == saySpawned && len(body) == 12 && binary.LittleEndian.Uint32(body[8:]) > 1:
		z.mail.put(spawned{binary.LittleEndian.Uint64(body), int(binary.LittleEndian.Uint32(body[8:]))})
	case kind == sayNotSpawned && len(body) >= 8:
		z.mail.put(notSpawned{binary.LittleEndian.Uint64(body), string(body[8:])})
	default:
		return errNonsense
	}
	return nil
}

// watch waits for the end of the zygote and reports it when everything that it said was heard. What the application
// has started at import lives on while workers may use it.
func (z *zygote) watch() {
	if err := z.process.await(); err != nil && !errors.Is(err, syscall.ECHILD) {
		z.log.Error("wait for zygote", "error", err)
	}
	if z.stopping.Load() {
		z.process.killGroup()
	}
	_ = z.control.SetReadDeadline(time.Now().Add(controlLinger))
	<-z.controlDone
	z.caller.Leave()
	linger := time.NewTimer(outputLinger)
	defer linger.Stop()
	for _, p := range z.output {
		select {
		case <-p.done:
		case <-linger.C:
			linger.Reset(0) // the other one gets no time of its own
		}
	}
	z.flow.close()
	e := z.process.reap()
	z.host.oom.explain(&e)
	_ = z.control.Close()
	_ = z.lifeline.Close()
	z.mail.put(zygoteExited{z.number, e, z.tail.String()})
}
