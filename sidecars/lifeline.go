package sidecars

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// lifelineFD is the number of the lifeline in a command: above what scripts redirect by hand, below what shells choose
// by themselves (63 and down).
const lifelineFD = 20

// lifeline ends all that commands have started when penknife is killed. The parent death signal reaches only the
// command itself, which is mostly a shell; this reaches its whole process group.
//
// It is a pipe that nobody writes to and whose writing end only penknife has. Each command inherits a reading end of its
// own, on which the kernel sends SIGKILL to the command's group when the writing end closes (decision 0005). It holds
// as long as one process of the group has not closed it.
type lifeline struct {
	once           sync.Once
	reader, writer *os.File
	err            error
}

// attach gives a command that was not started yet a reading end. The caller closes it after the start.
func (l *lifeline) attach(command *exec.Cmd) (*os.File, error) {
	l.once.Do(func() { l.reader, l.writer, l.err = os.Pipe() })
	if l.err != nil {
		return nil, l.err
	}
	// Opened anew, since the owner of the signal belongs to the open file.
	name := fmt.Sprintf("/proc/self/fd/%d", l.reader.Fd())
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	end := os.NewFile(uintptr(fd), "lifeline")
	command.ExtraFiles = make([]*os.File, lifelineFD-3, lifelineFD-2) // nil: closed
	command.ExtraFiles = append(command.ExtraFiles, end)
	return end, nil
}

// hold names the process group that ends with this process.
func hold(end *os.File, group int) error {
	fd := end.Fd()
	for _, call := range [][2]int{
		{unix.F_SETOWN, -group}, {unix.F_SETSIG, int(syscall.SIGKILL)}, {unix.F_SETFL, unix.O_ASYNC | unix.O_NONBLOCK},
	} {
		if _, err := unix.FcntlInt(fd, call[0], call[1]); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	return nil
}

// close lets go of the pipe. Whatever still holds it dies.
func (l *lifeline) close() {
	if l.reader != nil {
		_ = l.reader.Close()
		_ = l.writer.Close()
	}
}
