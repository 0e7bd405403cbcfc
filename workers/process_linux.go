package workers

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// process is one child of this process: forked by it, or handed to it by the kernel because it is the subreaper.
type process struct {
	pid    int
	pidfd  *os.File // non-blocking, in the Go poller; readable when the process has ended
	family *family
}

// startProcess executes an interpreter in a session of its own, so that nothing that a terminal sends reaches it.
// Waiting is done through the pidfd, as for every other process, so os.Process is of no use here.
func startProcess(f *family, path string, args []string, attr *syscall.ProcAttr) (*process, error) {
	pidfd := -1
	attr.Sys = &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd}
	pid, _, err := syscall.StartProcess(path, args, attr)
	if err != nil {
		return nil, err
	}
	f.add(pid)
	if pidfd < 0 {
		return nil, errors.New("the kernel gave no pidfd; Linux 5.10 or newer is needed")
	}
	if err := unix.SetNonblock(pidfd, true); err != nil {
		return nil, fmt.Errorf("pidfd of %d: %w", pid, err)
	}
	return &process{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), family: f}, nil
}

// adoptProcess takes charge of a process that the kernel has already made a child of this one. It may have ended.
func adoptProcess(f *family, pid int) (*process, error) {
	f.add(pid)
	pidfd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		f.remove(pid)
		return nil, fmt.Errorf("pidfd of %d: %w", pid, err)
	}
	return &process{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), family: f}, nil
}

// signal sends to the process alone. The pidfd makes it certain that it is this process. It fails when the process
// has been reaped.
func (p *process) signal(number syscall.Signal) error {
	control, err := p.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var problem error
	err = control.Control(func(fd uintptr) { problem = unix.PidfdSendSignal(int(fd), number, nil, 0) })
	return errors.Join(err, problem)
}

// killGroup ends the process and everything that it has started and that has not left its group.
func (p *process) killGroup() {
	if p.signal(unix.SIGKILL) == nil { // else the group's number may belong to others by now
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

// cpuTime asks the clock of the process (clock_getcpuclockid(3)); 0 when it is gone. The number cannot belong to another
// process, since this one was not reaped.
func (p *process) cpuTime() time.Duration {
	const ofProcess = 2 // CPUCLOCK_SCHED of a whole process, in nanoseconds
	var used unix.Timespec
	if unix.ClockGettime(int32(^p.pid<<3|ofProcess), &used) != nil {
		return 0
	}
	return time.Duration(used.Nano())
}

// await blocks until the process has ended, and leaves it a zombie.
func (p *process) await() error {
	_, err := p.wait(unix.WEXITED | unix.WNOWAIT)
	return err
}

// reap takes the status of a process that has ended, and lets go of it.
func (p *process) reap() exit {
	defer func() {
		p.family.remove(p.pid)
		_ = p.pidfd.Close()
	}()
	info, err := p.wait(unix.WEXITED)
	if err != nil {
		return exit{ExitUnknown, "exited, its status is lost"}
	}
	return waitedExit(info.Code, info.status())
}

// wait blocks in the poller until waitid has an answer.
func (p *process) wait(options int) (childInfo, error) {
	var info childInfo
	control, err := p.pidfd.SyscallConn()
	if err != nil {
		return info, err
	}
	var problem error
	err = control.Read(func(fd uintptr) bool {
		problem = waitid(unix.P_PIDFD, int(fd), &info, options|unix.WNOHANG)
		return problem != nil && !errors.Is(problem, unix.EAGAIN) || info.Signo != 0
	})
	return info, errors.Join(err, problem)
}

// waitid is the system call, tried again when a signal came in between.
func waitid(kind, id int, info *childInfo, options int) error {
	for {
		err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(info)), options, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// childInfo is siginfo_t as waitid fills it on 64-bit Linux; Signo is 0 while there is nothing to tell.
type childInfo struct {
	Signo, Errno, Code int32
	_                  int32
	pid                int32
	_                  uint32 // uid
	state              int32
	_                  [100]byte
}

func (c *childInfo) status() int32 { return c.state }
