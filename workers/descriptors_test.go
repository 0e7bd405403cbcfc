package workers

import (
	"errors"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"
)

// withDescriptors runs f while this process can open as many more files as room says.
func withDescriptors(t *testing.T, room int, f func()) {
	t.Helper()
	var held []int
	defer func() {
		for _, fd := range held {
			_ = unix.Close(fd)
		}
	}()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 200, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		held = append(held, fd)
	}
	for range room {
		_ = unix.Close(held[len(held)-1])
		held = held[:len(held)-1]
	}
	f()
}

// TestNewWorkerProcess_WithoutDescriptors: whichever of its files cannot be made, there is an error and nothing is left
// open.
func TestNewWorkerProcess_WithoutDescriptors(t *testing.T) {
	made := 0
	for room := range 15 {
		withDescriptors(t, room, func() {
			for range 2 * room { // what is left open adds up
				w, theirs, err := newWorkerProcess()
				if err != nil {
					if !errors.Is(err, unix.EMFILE) || w != nil || theirs != nil {
						t.Fatalf("with room for %d: %v, %v, %v", room, w, theirs, err)
					}
				} else {
					made++
					closeAll(theirs...)
					w.abandon()
				}
			}
			free, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
			if room > 0 && err != nil {
				t.Fatalf("something is left open: %v", err)
			}
			_ = unix.Close(free)
		})
	}
	if made == 0 {
		t.Error("nothing was ever made")
	}
}

// lostFiles notes what will not come.
type lostFiles struct {
	nobody
	lost []uint32
}

func (l *lostFiles) LoseFile(_ int, slot, position uint32) { l.lost = append(l.lost, slot, position) }

// TestReadMessage_WithoutDescriptors: a worker is not to blame for a file that this process cannot take.
func TestReadMessage_WithoutDescriptors(t *testing.T) {
	ours, theirs, err := controlPair("test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ours.Close(); _ = theirs.Close() }()
	file := []byte{sayFile, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0}
	send := func(message []byte, fds ...int) {
		t.Helper()
		if err := unix.Sendmsg(rawFD(theirs), message, unix.UnixRights(fds...), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	send(file, 0)
	send([]byte{sayCall}, 0)
	send(file, 0, 0, 0, 0, 0)
	buffer, oob := make([]byte, 100), make([]byte, unix.CmsgSpace(4*maxFiles))
	files := &lostFiles{}
	w := &workerProcess{files: files, log: slog.New(slog.DiscardHandler), control: ours}
	withDescriptors(t, 0, func() {
		for range 2 {
			raw, got, err := readMessage(ours, buffer, oob)
			if !errors.Is(err, errNoDescriptor) || len(got) != 0 {
				t.Fatalf("%q, %v, %v", raw, got, err)
			}
			if err := w.miss(raw); err != nil {
				t.Error(err)
			}
		}
	})
	if len(files.lost) != 2 || files.lost[0] != 7 || files.lost[1] != 9 {
		t.Errorf("lost: %v", files.lost)
	}
	if _, got, err := readMessage(ours, buffer, oob); !errors.Is(err, errNonsense) {
		t.Errorf("more descriptors than any of ours sends: %v, %v", got, err)
	}
}
