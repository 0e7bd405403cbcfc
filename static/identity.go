package static

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settleTime is how long ago a file must have changed last to be held. Two changes closer together than the tick
	// of the file system's clock (10 ms at most) leave the same times behind.
	settleTime = 50 * time.Millisecond
	// settleLarge is the same for files that are known by their times alone: their tag is weak that long, as Apache
	// has it.
	settleLarge = time.Second
	// ancient is the end of 1980-01-02: times before it were set by tools that make builds reproducible, and say
	// nothing.
	ancient = 315705600
)

// identity is what changes when a file does: as long as it is equal, so is the content.
type identity struct {
	dev, ino  uint64
	size      int64
	modified  int64 // nanoseconds since 1970
	changed   int64 // of the inode; nobody can set it back
	isRegular bool
	isDir     bool
}

func identityOf(st *unix.Stat_t) identity {
	kind := st.Mode & unix.S_IFMT
	return identity{
		dev: uint64(st.Dev), ino: st.Ino, size: st.Size, modified: st.Mtim.Nano(), changed: st.Ctim.Nano(), //nolint:unconvert // 32 bits on mips
		isRegular: kind == unix.S_IFREG, isDir: kind == unix.S_IFDIR,
	}
}

// look asks the file system about a path. It follows links, also out of the root: what it learns decides whether a file
// that was opened beneath the root is still the same, and how to open one, never that something is served.
func look(path string) (identity, error) {
	var st unix.Stat_t
	for {
		err := unix.Stat(path, &st)
		if err == nil {
			return identityOf(&st), nil
		}
		if err != unix.EINTR { //nolint:errorlint // system calls give bare numbers
			return identity{}, err
		}
	}
}

// lookAt is look for an open file.
func lookAt(fd uintptr) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		return identity{}, err
	}
	return identityOf(&st), nil
}

// settled says that a change from now on would show.
func (id identity) settled(now time.Time, after time.Duration) bool {
	return now.UnixNano()-id.changed > int64(after)
}

// dated says that the modification time means something.
func (id identity) dated() bool { return id.modified >= ancient*int64(time.Second) }
