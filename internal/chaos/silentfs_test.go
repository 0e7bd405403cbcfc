package chaos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"

	"penknife/internal/testkit"
)

// silentFS is a file system in user space whose every file takes for ever to be found: a process that asks sleeps
// uninterruptibly once a signal has tried to end it, as one does with a dead NFS server or disk. It takes root.
type silentFS struct {
	dir     string
	device  *os.File
	done    chan struct{}
	closing sync.Once
}

// Numbers and sizes are those of linux/fuse.h, protocol 7.31.
const (
	fuseInit       = 26
	fuseGetattr    = 3
	fuseHeaderIn   = 40
	fuseHeaderOut  = 16
	fuseInitOut    = 64
	fuseAttrOut    = 104
	fuseBufferSize = 1 << 17
)

func newSilentFS(t *testing.T) *silentFS {
	t.Helper()
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("a file system in user space needs root and /dev/fuse: %v", err)
	}
	s := &silentFS{dir: testkit.Dir(t), device: os.NewFile(uintptr(fd), "/dev/fuse"), done: make(chan struct{})}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)
	if err := syscall.Mount("chaos", s.dir, "fuse.chaos", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		t.Fatal(err)
	}
	go s.serve() // ends when the mount does
	t.Cleanup(s.close)
	return s
}

// close ends the file system: whoever waits for it gets an error.
func (s *silentFS) close() {
	s.closing.Do(func() {
		_ = syscall.Unmount(s.dir, syscall.MNT_FORCE|syscall.MNT_DETACH)
		<-s.done
		_ = s.device.Close()
	})
}

func (s *silentFS) serve() {
	defer close(s.done)
	buffer := make([]byte, fuseBufferSize)
	for {
		n, err := syscall.Read(int(s.device.Fd()), buffer)
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err != nil || n < fuseHeaderIn {
			return
		}
		opcode, unique := binary.LittleEndian.Uint32(buffer[4:]), binary.LittleEndian.Uint64(buffer[8:])
		switch opcode {
		case fuseInit:
			body := make([]byte, fuseInitOut)
			binary.LittleEndian.PutUint32(body[0:], 7)
			binary.LittleEndian.PutUint32(body[4:], 31)
			binary.LittleEndian.PutUint32(body[20:], 4096) // max_write
			s.reply(unique, body)
		case fuseGetattr: // of the root
			body := make([]byte, fuseAttrOut)
			binary.LittleEndian.PutUint64(body[16:], 1)          // ino
			binary.LittleEndian.PutUint32(body[16+60:], 0o40755) // mode
			binary.LittleEndian.PutUint32(body[16+64:], 2)       // nlink
			s.reply(unique, body)
		}
	}
}

func (s *silentFS) reply(unique uint64, body []byte) {
	message := make([]byte, fuseHeaderOut, fuseHeaderOut+len(body))
	binary.LittleEndian.PutUint32(message[0:], uint32(fuseHeaderOut+len(body)))
	binary.LittleEndian.PutUint64(message[8:], unique)
	_, _ = syscall.Write(int(s.device.Fd()), append(message, body...))
}
