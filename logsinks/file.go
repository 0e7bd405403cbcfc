package logsinks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// reopenPause is how often a file is tried that could not be opened anew.
const reopenPause = time.Second

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
	now   func() time.Time
	// tried is when Reopen has failed, and was tried again; zero: out is what it should be.
	tried time.Time
	// spare is a descriptor to be given up for the next file when the process has no other left; nil: there was none for it.
	spare *os.File
}

// Open opens the file for appending, and creates it if there is none.
func (f File) Open() (Target, error) {
	out, err := f.open()
	if err != nil {
		return nil, err
	}
	opened := &file{spec: f, out: out, lines: lineWriter{out: out}, now: time.Now}
	opened.reserve()
	return opened, nil
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

// Write tries first, now and then, to begin the file that Reopen could not begin: nobody would ask for it again.
func (f *file) Write(lines []byte) (lost int, err error) {
	if !f.tried.IsZero() && f.now().Sub(f.tried) >= reopenPause {
		_ = f.Reopen() // the reason was told when it failed first
	}
	return f.lines.write(lines)
}

func (f *file) Reopen() error {
	fresh, err := f.spec.open()
	if f.spare != nil && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) {
		_ = f.spare.Close()
		f.spare = nil
		fresh, err = f.spec.open()
	}
	if err != nil {
		f.tried = f.now()
		return err
	}
	old := f.out
	f.out, f.lines, f.tried = fresh, lineWriter{out: fresh}, time.Time{}
	err = old.Close()
	f.reserve()
	return err
}

// reserve takes a spare descriptor if there is none.
func (f *file) reserve() {
	if f.spare == nil {
		f.spare, _ = os.Open(os.DevNull) // without one, the next Reopen may have to be tried again
	}
}

func (f *file) Close() error {
	if f.spare != nil {
		_ = f.spare.Close()
	}
	return f.out.Close()
}
