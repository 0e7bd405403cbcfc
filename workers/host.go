package workers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"penknife/workers/link"

	"golang.org/x/sys/unix"
)

// host is what all processes of a Manager share.
type host struct {
	family *family
	oom    *oomWatch
	keeper link.Keeper
	calls  Calls
	bodies *bodyArena           // nil before Start
	notice func(paths []string) // of files that were imported; nil: nobody wants to know

	mu    sync.Mutex
	pumps map[*pump]bool // that run
}

func newHost(d Deps) *host {
	calls := d.Calls
	if calls == nil {
		calls = noCalls{}
	}
	return &host{calls: calls, notice: d.Imported, family: newFamily(), oom: newOOMWatch(), pumps: map[*pump]bool{}}
}

// imported passes on a process's list of files, each with a NUL behind it. Relative ones are nonsense and left out.
func (h *host) imported(list string) {
	if h.notice == nil {
		return
	}
	var paths []string
	for path := range strings.SplitSeq(list, "\x00") {
		if filepath.IsAbs(path) {
			paths = append(paths, path)
		}
	}
	h.notice(paths)
}

// memoryFile makes a file of data that has no name in any directory and that nobody can change.
func memoryFile(name string, data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memory file %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("memory file %s: %w", name, err)
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("memory file %s: %w", name, err)
	}
	return f, nil
}

// rawFD is a file's descriptor, in the mode that it has: os.File.Fd would take it out of the Go poller. It is valid
// while the file is open.
func rawFD(f *os.File) int {
	control, err := f.SyscallConn()
	if err != nil {
		return -1
	}
	number := -1
	_ = control.Control(func(fd uintptr) { number = int(fd) })
	return number
}

// forChild is rawFD for a descriptor that another process gets: pipes made by Go do not block, which nobody there
// expects.
func forChild(f *os.File) int {
	fd := rawFD(f)
	if fd >= 0 {
		_ = unix.SetNonblock(fd, false)
	}
	return fd
}

// shutdown ends what belongs to no generation: strays, the reaper, output pumps.
func (h *host) shutdown() {
	h.family.shutdown()
	h.cutPumps()
	h.keeper.Wait()
	if h.bodies != nil {
		h.bodies.close()
	}
}
