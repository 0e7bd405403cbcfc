package logsinks

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// File says which file lines go to.
type File struct {
	Path string
	Mode fs.FileMode // of a file that is created, whatever the umask is
	// UID and GID own a file that is created; -1 leaves what the process has. Who rotates logs and drops privileges wants
	// the user that the process will be, or it could not open the next one.
	UID, GID int
}

// file is a Target for lines.
type file struct {
	spec  File
	out   *os.File
	lines lineWriter // to out
}

// Open opens the file for appending, and creates it if there is none.
func (f File) Open() (Target, error) {
	out, err := f.open()
	if err != nil {
		return nil, err
	}
	return &file{f, out, lineWriter{out: out}}, nil
}

func (f File) open() (*os.File, error) {
	out, err := os.OpenFile(f.Path, os.O_APPEND|os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.Mode)
	if err == nil {
		return out, f.own(out)
	}
	if !os.IsExist(err) {
		return nil, err
	}
	// Without O_CREATE: somebody else's link to nowhere must not make a file. O_NONBLOCK is for named pipes: one without
	// a reader is an error then, and no wait.
	return os.OpenFile(f.Path, os.O_APPEND|os.O_WRONLY|syscall.O_NONBLOCK, 0)
}

func (f File) own(out *os.File) error {
	err := out.Chmod(f.Mode)
	if err == nil && (f.UID >= 0 || f.GID >= 0) {
		err = out.Chown(f.UID, f.GID)
	}
	if err != nil {
		_ = out.Close()
		return fmt.Errorf("a new log file: %w", err)
	}
	return nil
}

func (f *file) Framed() bool { return false }

func (f *file) Write(lines []byte) (lost int, err error) { return f.lines.write(lines) }

func (f *file) Reopen() error {
	fresh, err := f.spec.open()
	if err != nil {
		return err
	}
	old := f.out
	f.out, f.lines = fresh, lineWriter{out: fresh}
	return old.Close()
}

func (f *file) Close() error { return f.out.Close() }
