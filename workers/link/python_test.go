package link

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"

	"penknife/gateway"
	"penknife/python"

	"golang.org/x/sys/unix"
)

// workerScript serves testdata/app.py on one lane, without zygote or supervisor.
const workerScript = `
import importlib.machinery, importlib.util, os, signal, sys, threading, traceback
loader = importlib.machinery.ExtensionFileLoader("penknife._accel", "/proc/self/fd/3")
spec = importlib.util.spec_from_loader("penknife._accel", loader)
accel = importlib.util.module_from_spec(spec)
loader.exec_module(accel)
accel.attach(4, 5, bytes.fromhex(sys.argv[3]))
if len(sys.argv) > 4:
    accel.map_bodies(int(sys.argv[4]))
accel.configure(int(sys.argv[1]), 6, False, lambda e: "".join(traceback.format_exception(type(e), e, e.__traceback__)))
sys.path.insert(0, "testdata")
from app import RequestTimeout, application
accel.interrupts(RequestTimeout)
signal.signal(61, accel.on_interrupt)
if int(sys.argv[2]) > 1:
    threading.Thread(target=accel.watch_interrupts, daemon=True).start()
for i in range(1, int(sys.argv[2])):
    threading.Thread(target=accel.serve, args=(application, i), daemon=True).start()
accel.serve(application, 0)
`

// harness is a queue with one real Python worker.
type harness struct {
	t       testing.TB
	q       *Queue
	cmd     *exec.Cmd
	control *os.File // our end of the worker's control socket
	bodies  *os.File // the memory for request bodies; nil: none

	receivers sync.WaitGroup
	lose      bool // files that it sends are not received
}

func memfdOf(t testing.TB, content []byte) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "test")
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

func testOptions() Options {
	return Options{
		Slots: 64, Workers: 2, Threads: 1, MaxVars: 64 << 10, ResponseBuffer: 64 << 10,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func startHarness(t testing.TB, o Options) *harness {
	t.Helper()
	return startHarnessWith(t, o, nil)
}

// startHarnessWith is startHarness with memory for request bodies, which stays the caller's.
func startHarnessWith(t testing.TB, o Options, bodies *os.File) *harness {
	t.Helper()
	q, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	h := &harness{t: t, q: q, bodies: bodies}
	h.startWorker(0, o.Threads)
	t.Cleanup(h.stop)
	return h
}

func (h *harness) startWorker(worker, threads int) {
	h.t.Helper()
	library, err := python.Accelerator()
	if err != nil {
		h.t.Fatal(err)
	}
	so := memfdOf(h.t, library)
	defer so.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	h.control = os.NewFile(uintptr(pair[0]), "control")
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	memory, event := h.q.Files()
	h.q.WorkerStarting(worker)
	h.cmd = exec.Command("python3", "-c", workerScript, fmt.Sprint(worker), fmt.Sprint(threads), hex.EncodeToString(h.q.Geometry()))
	h.cmd.ExtraFiles = []*os.File{so, memory, event, theirs}
	if h.bodies != nil {
		h.cmd.Args, h.cmd.ExtraFiles = append(h.cmd.Args, "7"), append(h.cmd.ExtraFiles, h.bodies)
	}
	h.cmd.Stderr = os.Stderr
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
}

// awaitLane waits until a lane of a worker sleeps: for who measures how soon it takes a request.
func (h *harness) awaitLane() {
	h.t.Helper()
	waitFor(h.t, "a lane that waits", func() bool { return h.q.mem.u64(hIdle).Load() != 0 })
}

func (h *harness) stop() {
	h.q.StopWorker(0)
	h.cmd.Wait()
	h.q.WorkerDied(0, "test is over")
	if err := h.q.Shutdown(h.t.Context()); err != nil && h.q.InFlight() > 0 {
		h.t.Errorf("%d requests are still in flight", h.q.InFlight())
	}
	h.receivers.Wait()
	h.control.Close()
}

func appendVar(block []byte, key, value string) []byte {
	block = binary.LittleEndian.AppendUint16(block, uint16(len(key)))
	block = append(block, key...)
	block = binary.LittleEndian.AppendUint16(block, uint16(len(value)))
	return append(block, value...)
}

var requestIDs uint64

func newRequest(method, path string, extra ...string) *gateway.Request {
	requestIDs++
	vars := appendVar(nil, "REQUEST_METHOD", method)
	vars = appendVar(vars, "PATH_INFO", path)
	for i := 0; i < len(extra); i += 2 {
		vars = appendVar(vars, extra[i], extra[i+1])
	}
	return &gateway.Request{ID: requestIDs, Vars: vars, Method: []byte(method), Target: []byte(path)}
}

// memorySpool is a request body in memory that counts its releases.
type memorySpool struct {
	*bytes.Reader
	released int
}

func newSpool(body []byte) *memorySpool    { return &memorySpool{Reader: bytes.NewReader(body)} }
func (m *memorySpool) Release()            { m.released++ }
func (*memorySpool) Shared() (int64, bool) { return 0, false }

// get runs one request to its end.
func (h *harness) get(req *gateway.Request, body Spool) (*gateway.Response, []byte, error) {
	h.t.Helper()
	resp, err := h.q.Serve(req, body)
	if err != nil {
		return nil, nil, err
	}
	copied := *resp
	copied.Fields = bytes.Clone(resp.Fields)
	var text []byte
	if resp.Whole != nil {
		text = bytes.Clone(resp.Whole)
	} else if resp.File == nil {
		text, err = io.ReadAll(resp.Body)
	}
	resp.Body.CloseWithError(nil)
	return &copied, text, err
}
