package static

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openFlags: the file is only read, is not inherited, and neither a FIFO nor a device that took the file's place since
// it was looked at makes us wait or becomes our terminal.
const openFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// maxRaces is how often an open is tried again that the kernel gave up because something was renamed meanwhile.
const maxRaces = 8

// opener opens files beneath a directory, which the kernel guarantees: no "..", no symbolic link, and no rename in the
// wrong moment leads out.
type opener struct {
	openat2 bool // else os.Root: old kernels, and sandboxes that refuse what they do not know
}

func newOpener() *opener {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH}
	fd, err := unix.Openat2(unix.AT_FDCWD, ".", &how)
	if err == nil {
		unix.Close(fd) //nolint:errcheck // it was only a question
	}
	return &opener{openat2: err == nil}
}

// beneath opens root/name. The file need not be a regular one: the caller looks.
func (o *opener) beneath(root, name string) (*os.File, error) {
	if !o.openat2 {
		return beneathGo(root, name)
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for err == unix.EINTR { //nolint:errorlint // system calls give bare numbers
		dir, err = unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir) //nolint:errcheck // O_PATH has nothing to lose
	how := unix.OpenHow{Flags: openFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	for race := 0; ; race++ {
		fd, err := unix.Openat2(dir, name, &how)
		if err == nil {
			return os.NewFile(uintptr(fd), name), nil
		}
		if (err != unix.EAGAIN && err != unix.EINTR) || race == maxRaces { //nolint:errorlint // system calls give bare numbers
			return nil, err
		}
	}
}

func beneathGo(root, name string) (*os.File, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close() //nolint:errcheck // nothing was written
	f, err := dir.OpenFile(name, openFlags, 0)
	var number unix.Errno
	if err != nil && !errors.As(err, &number) {
		return nil, unix.EXDEV // the one refusal without a number: the path leads out
	}
	return f, err
}

// whole opens a root that is a file. The operator named it, so that links may lead anywhere.
func (o *opener) whole(root string) (*os.File, error) {
	return os.OpenFile(root, openFlags, 0) //nolint:gosec // the operator names the file
}

// isAbsent says which errors mean that there is nothing to serve under that name.
func isAbsent(err error) bool {
	for _, absent := range [...]unix.Errno{
		unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EXDEV, unix.ENAMETOOLONG, unix.ENXIO, unix.EINVAL, unix.EILSEQ,
	} {
		if errors.Is(err, absent) {
			return true
		}
	}
	return false
}

// isForbidden says that the file is there and we may not read it.
func isForbidden(err error) bool { return errors.Is(err, fs.ErrPermission) }
