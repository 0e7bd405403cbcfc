package python

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNoPlace means that there is no directory in which nobody else could change the package.
var ErrNoPlace = errors.New("no directory of our own for the Python package")

// Places are directories in which a Copy may be, best first.
type Places []string

// UsualPlaces are those of the user who asks: /run/penknife for root, penknife-UID in $TMPDIR or /tmp, and at last penknife
// in $XDG_RUNTIME_DIR, which the end of the user's last session removes.
func UsualPlaces(environ []string) Places {
	uid, temporary, places := os.Geteuid(), "/tmp", Places{}
	for _, entry := range environ {
		if dir, ok := strings.CutPrefix(entry, "TMPDIR="); ok && filepath.IsAbs(dir) {
			temporary = dir
		}
		if dir, ok := strings.CutPrefix(entry, "XDG_RUNTIME_DIR="); ok && filepath.IsAbs(dir) {
			places = append(places, filepath.Join(dir, "penknife"))
		}
	}
	places = append(Places{filepath.Join(temporary, "penknife-"+strconv.Itoa(uid))}, places...)
	if uid == 0 {
		places = append(Places{"/run/penknife"}, places...)
	}
	return places
}

// Copy is the package as a file, for interpreters that others start. Its directory belongs to our user, and nobody else
// can write there or move it. While somebody has Lock open, systemd-tmpfiles lets the directory alone (tmpfiles.d(5)).
type Copy struct {
	Path string
	Lock *os.File // the caller closes it
}

// Write puts the package into the first place that will do, unless it is there already. The name follows from the
// content, so that versions do not disturb each other. ErrNoPlace tells what is wrong with each place.
func (p Places) Write() (Copy, error) {
	data, err := Package()
	if err != nil {
		return Copy{}, err
	}
	failures := []error{ErrNoPlace}
	for _, dir := range p {
		made, err := writeCopy(dir, data)
		if err == nil {
			return made, nil
		}
		failures = append(failures, err)
	}
	return Copy{}, errors.Join(failures...)
}

func writeCopy(dir string, data []byte) (c Copy, err error) {
	if strings.ContainsRune(dir, os.PathListSeparator) {
		return c, fmt.Errorf("%s: $PYTHONPATH cannot name it", dir)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return c, err
	}
	if err := judgePlace(dir); err != nil {
		return c, err
	}
	sum := sha256.Sum256(data)
	lock, err := os.Open(dir)
	if err != nil {
		return c, err
	}
	// Taking it fails while systemd-tmpfiles looks at the directory; it then finds a file that is in use.
	_ = unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	c = Copy{Path: filepath.Join(dir, fmt.Sprintf("python-%x.zip", sum[:8])), Lock: lock}
	if !isCopy(c.Path, data) {
		err = replace(c.Path, data)
	}
	if err != nil {
		return Copy{}, errors.Join(err, lock.Close())
	}
	return c, nil
}

// judgePlace refuses a directory that somebody else could change, or exchange on the way to it.
func judgePlace(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	own := uint32(os.Geteuid())
	if owner, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || owner.Uid != own || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s: not a directory of user %d that nobody else can write", dir, own)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for up := filepath.Dir(real); ; up = filepath.Dir(up) {
		info, err := os.Lstat(up)
		if err != nil {
			return err
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		open := info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0
		if !ok || open || owner.Uid != 0 && owner.Uid != own {
			return fmt.Errorf("%s: in %s, which others can change", dir, up)
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}

// isCopy tells whether the file is there, is ours, and has not been damaged.
func isCopy(path string, data []byte) bool {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || info.Size() != int64(len(data)) {
		return false
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != uint32(os.Geteuid()) {
		return false
	}
	present, err := io.ReadAll(file)
	return err == nil && bytes.Equal(present, data)
}

// replace makes the file at once, so that nobody reads half of it.
func replace(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".python-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

const (
	pathVariable  = "PYTHONPATH"
	callsVariable = "_PENKNIFE_CALLS" // python/penknife/outside.py has the same; no key of the configuration is like that
	noSocket      = "off"
)

// Environ gives an environment with which `import penknife` works and calls the penknife on a control socket: an absolute
// path, "@name", or empty for none, which each call then says. What environ has on $PYTHONPATH stays, behind.
func (c Copy) Environ(environ []string, socket string) []string {
	if socket == "" {
		socket = noSocket
	}
	path := c.Path
	changed := make([]string, 0, len(environ)+2)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case name == callsVariable:
		case name != pathVariable:
			changed = append(changed, entry)
		case value != "":
			path = c.Path + string(os.PathListSeparator) + withoutCopies(value)
		}
	}
	return append(changed, pathVariable+"="+strings.TrimSuffix(path, string(os.PathListSeparator)), callsVariable+"="+socket)
}

// withoutCopies drops what an Environ before has put there, or the path would grow with each command in another.
func withoutCopies(list string) string {
	kept := []string{}
	for _, entry := range filepath.SplitList(list) {
		copied, _ := filepath.Match("python-????????????????.zip", filepath.Base(entry))
		if !copied {
			kept = append(kept, entry)
		}
	}
	return strings.Join(kept, string(os.PathListSeparator))
}
