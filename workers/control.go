package workers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxControlMessage is the longest message on a control socket, of a zygote or a worker.
const maxControlMessage = 64 << 10

// controlPair makes a connected pair of message sockets: ours in the Go poller, theirs to be inherited or sent.
func controlPair(name string) (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair for %s: %w", name, err)
	}
	theirs = os.NewFile(uintptr(fds[1]), name)
	mine := os.NewFile(uintptr(fds[0]), name)
	conn, err := net.FileConn(mine) // duplicates
	_ = mine.Close()
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("socket pair for %s: %w", name, err)
	}
	return conn.(*net.UnixConn), theirs, nil
}

var (
	// errNonsense means that a process sent something that no penknife process sends.
	errNonsense = errors.New("workers: malformed control message")
	// errNoDescriptor means that a message came and the kernel could not give this process the file that was with it.
	errNoDescriptor = errors.New("workers: no file descriptor is left for what a process sent")
)

// maxFiles is how many descriptors a message can bring. One is the most that a penknife process sends.
const maxFiles = 4

// workerMessage is what a worker said. kind is its first byte.
type workerMessage struct {
	kind     byte
	level    slog.Level
	request  uint64
	text     string // of 'E', 'W', 'L' and 'M'
	slot     uint32 // of 'F'
	position uint32
}

// Kinds of messages of a worker.
const (
	sayReady    = 'R'
	sayFailed   = 'E'
	sayUnfit    = 'W'
	sayLog      = 'L'
	sayFile     = 'F'
	sayImported = 'M' // of a zygote too: files that the application was imported from
	sayCall     = 'C' // of a zygote too: a channel on which its Python code calls this process
)

// parseWorkerMessage takes a message apart. Its text is a copy.
func parseWorkerMessage(m []byte) (workerMessage, error) {
	if len(m) == 0 {
		return workerMessage{}, errNonsense
	}
	message := workerMessage{kind: m[0]}
	switch m[0] {
	case sayReady:
	case sayCall:
		if len(m) != 1 {
			return message, errNonsense
		}
	case sayFailed, sayUnfit, sayImported:
		message.text = string(m[1:])
	case sayLog:
		if len(m) < 16 || m[1] < 1 || int(m[1]) >= len(logLevels) {
			return message, errNonsense
		}
		message.level = logLevels[m[1]]
		message.request = binary.LittleEndian.Uint64(m[8:])
		message.text = string(m[16:])
	case sayFile:
		if len(m) != 12 {
			return message, errNonsense
		}
		message.slot = binary.LittleEndian.Uint32(m[4:])
		message.position = binary.LittleEndian.Uint32(m[8:])
	default:
		return message, errNonsense
	}
	return message, nil
}

var logLevels = [...]slog.Level{
	1: slog.LevelDebug, 2: slog.LevelInfo, 3: slog.LevelWarn, 4: slog.LevelError,
}

// readMessage reads one message, and the descriptors that came with it, which the caller closes. It blocks in the
// poller; io.EOF when the last holder of the other end is gone. With errNoDescriptor there is a message, without its files.
func readMessage(conn *net.UnixConn, buffer, oob []byte) (message []byte, files []*os.File, err error) {
	n, oobn, flags, _, err := conn.ReadMsgUnix(buffer, oob)
	if errors.Is(err, unix.ECONNRESET) {
		// The other end closed with something of ours unread. That is told before what it sent, and told once.
		n, oobn, flags, _, err = conn.ReadMsgUnix(buffer, oob)
	}
	if err != nil {
		return nil, nil, err
	}
	files = receivedFiles(oob[:oobn])
	if flags&unix.MSG_TRUNC != 0 || flags&unix.MSG_CTRUNC != 0 && len(files) >= maxFiles {
		closeAll(files...)
		return nil, nil, errNonsense
	}
	if flags&unix.MSG_CTRUNC != 0 {
		closeAll(files...)
		return buffer[:n], nil, errNoDescriptor
	}
	return buffer[:n], files, nil
}

func receivedFiles(oob []byte) []*os.File {
	var files []*os.File
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// fileReceiver takes the files that workers send as response bodies, and knows what requests are called.
type fileReceiver interface {
	// NameOf gives the gateway.Request.RequestID of a request that is held, "" for any other.
	NameOf(request uint64) string
	ReceiveFile(worker int, slot, position uint32, f *os.File)
	// LoseFile says that such a file will not come.
	LoseFile(worker int, slot, position uint32)
}

// readControl reads what a worker says until its socket ends or nonsense comes.
func (w *workerProcess) readControl() {
	defer close(w.controlDone)
	buffer := make([]byte, maxControlMessage)
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	for {
		raw, files, err := readMessage(w.control, buffer, oob)
		if err == nil {
			err = w.hear(raw, files)
		} else if errors.Is(err, errNoDescriptor) {
			err = w.miss(raw)
		}
		if errors.Is(err, errNonsense) {
			w.mail.put(hostile{w.index, "malformed control message"})
			return
		}
		if err != nil {
			return
		}
	}
}

// miss acts on a message whose file this process could not take. That is not the worker's fault: a request fails, and a
// thread that calls finds its channel closed.
func (w *workerProcess) miss(raw []byte) error {
	message, err := parseWorkerMessage(raw)
	if err != nil {
		return err
	}
	w.log.Warn("a file of the worker is lost", "error", errNoDescriptor)
	if message.kind == sayFile {
		w.files.LoseFile(w.index, message.slot, message.position)
	}
	return nil
}

// hear acts on one message. It takes charge of files.
func (w *workerProcess) hear(raw []byte, files []*os.File) error {
	message, err := parseWorkerMessage(raw)
	wanted := 0
	if message.kind == sayFile || message.kind == sayCall {
		wanted = 1
	}
	if err != nil || len(files) != wanted {
		closeAll(files...)
		return errNonsense
	}
	switch message.kind {
	case sayReady:
		w.mail.put(workerReady{w.birth})
	case sayFailed:
		w.mail.put(workerFailed{w.birth, message.text})
	case sayUnfit:
		w.mail.put(workerUnfit{w.birth, message.text})
	case sayLog:
		if !w.flow.admit(1 + strings.Count(strings.TrimSuffix(message.text, "\n"), "\n")) {
			return nil
		}
		w.log.Log(context.Background(), message.level, "app", "request", message.request,
			"request_id", w.files.NameOf(message.request), "text", message.text)
	case sayFile:
		w.files.ReceiveFile(w.index, message.slot, message.position, files[0])
	case sayCall:
		w.caller.Accept(files[0])
	case sayImported:
		w.host.imported(message.text)
	}
	return nil
}
