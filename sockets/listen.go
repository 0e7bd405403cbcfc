package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// defaultMode is the mode of a socket file when Permissions does not say.
const defaultMode = 0o660

// Permissions is who may connect to a unix socket that has a file. TCP and abstract sockets ignore it.
type Permissions struct {
	Mode     uint32 // permission bits; 0 is 0660
	UID, GID int    // new owner and group; -1 keeps what the process creates
}

// socket is what both listeners of package net have.
type socket interface {
	net.Listener
	File() (*os.File, error)
	SetDeadline(t time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// Listener is an open listening socket. It is a net.Listener, so that any server can accept from it.
type Listener struct {
	socket
	addr Addr                        // of the socket
	told Addr                        // what the configuration says, by which a successor finds it again
	file atomic.Pointer[os.FileInfo] // the socket file as we made it; nil when there is none, or it is not ours to remove
	// handed says that a predecessor has it too; heirloom becomes file with Inherit.
	handed   bool
	heirloom os.FileInfo
	kept     bool // whoever has started this process opened it

	closeOnce sync.Once
	closeErr  error
}

// Listen makes the socket, with the longest backlog that the kernel permits. For a unix socket, a file that is there
// already is replaced if it is a socket on which nobody answers, and is an error otherwise, also when several start at
// once; nobody but its owner-to-be can connect before mode, owner and group are set. The caller closes the Listener.
func Listen(ctx context.Context, addr Addr, permissions Permissions) (*Listener, error) {
	if addr.IsPassed() {
		return nil, fmt.Errorf("listen on %s: %w", addr, ErrNotPassed)
	}
	if addr.hasFile() {
		release, err := takeTurn(ctx, addr.Address)
		if err == nil {
			defer release()
			err = removeStale(ctx, addr.Address)
		}
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", addr, err)
		}
	}
	var config net.ListenConfig
	// Multipath TCP is of no use behind a proxy and costs on every connection.
	config.SetMultipathTCP(false)
	if addr.hasFile() {
		config.Control = closedToAll
	}
	plain, err := config.Listen(ctx, addr.family(), addr.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	listener := &Listener{socket: plain.(socket), addr: addr, told: addr}
	if err := listener.ownFile(permissions); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", addr, err), listener.Close())
	}
	return listener, nil
}

// closedToAll takes all permission bits off a socket before it is bound. Linux gives the file that bind makes the mode
// of the socket's inode (less the umask), so the file is never open to more people than it will be.
func closedToAll(_, _ string, raw syscall.RawConn) error {
	var chmodErr error
	if err := raw.Control(func(fd uintptr) { chmodErr = syscall.Fchmod(int(fd), 0) }); err != nil {
		return err
	}
	return chmodErr
}

// ownFile remembers which file is ours and gives it its owner and then its mode.
func (l *Listener) ownFile(permissions Permissions) error {
	if !l.addr.hasFile() {
		return nil
	}
	// The net package would remove whatever has the name by then; Close looks first.
	l.socket.(*net.UnixListener).SetUnlinkOnClose(false)
	file, err := os.Lstat(l.addr.Address)
	if err != nil {
		return err
	}
	l.file.Store(&file)
	return l.Permit(permissions)
}

// Permit gives a socket file that is ours its owner and then its mode. Other sockets have neither.
func (l *Listener) Permit(permissions Permissions) error {
	if l.file.Load() == nil {
		return nil
	}
	path := l.addr.Address
	now, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner := now.Sys().(*syscall.Stat_t) // on Linux it is nothing else
	if differs(permissions.UID, owner.Uid) || differs(permissions.GID, owner.Gid) {
		if err := os.Lchown(path, permissions.UID, permissions.GID); err != nil {
			return err
		}
	}
	mode := permissions.Mode & 0o777
	if mode == 0 {
		mode = defaultMode
	}
	if now.Mode().Perm() == os.FileMode(mode) {
		return nil
	}
	return os.Chmod(path, os.FileMode(mode))
}

// differs tells whether an id has to be changed; -1 is any.
func differs(wanted int, present uint32) bool { return wanted != -1 && wanted != int(present) }

// Address is what Listen was told, except that a TCP port of 0 has become the real one.
func (l *Listener) Address() Addr {
	if l.addr.IsUnix() {
		return l.addr
	}
	return Addr{Network: l.addr.Network, Address: l.socket.Addr().String()}
}

// Close stops listening and removes the socket file if the name still means ours. It may be called again, and gives
// the same answer. A File made from the listener stays open and keeps listening.
func (l *Listener) Close() error {
	l.closeOnce.Do(func() {
		removeErr := l.removeFile()
		l.closeErr = errors.Join(l.socket.Close(), removeErr)
	})
	return l.closeErr
}

// Lost tells that no client can find the socket any more: "removed" if its file is away, "replaced" if the name means
// another file; "" otherwise, and for all sockets whose file is not ours. It asks the file system.
func (l *Listener) Lost() string {
	file := l.file.Load()
	if file == nil {
		return ""
	}
	now, err := os.Lstat(l.addr.Address)
	switch {
	case l.file.Load() == nil: // closed meanwhile
		return ""
	case errors.Is(err, os.ErrNotExist):
		return "removed"
	case err == nil && !os.SameFile(now, *file):
		return "replaced"
	}
	return ""
}

// Disown makes Close leave the socket file alone: it belongs to a successor from now on. It must not be called at the
// same time as Close.
func (l *Listener) Disown() { l.file.Store(nil) }

// Handed tells whether a predecessor has handed the socket over.
func (l *Listener) Handed() bool { return l.handed }

// Kept tells whether whoever has started this process opened the socket: systemd, or another parent. It stays open without
// this process, and its clients wait in the kernel's queue.
func (l *Listener) Kept() bool { return l.kept }

// Inherit makes a socket that a predecessor has handed over this process's own: Close removes its file, and the kernel
// names this process to clients of a unix socket. Before that the predecessor may still go on with it. It changes
// nothing about other listeners.
func (l *Listener) Inherit() error {
	if !l.handed {
		return nil
	}
	if l.heirloom != nil {
		l.file.Store(&l.heirloom)
	}
	if !l.addr.IsUnix() {
		return nil
	}
	return l.becomeOwner()
}

// removeFile takes the name away before the socket closes, so that nobody finds a file on which no one answers.
func (l *Listener) removeFile() error {
	file := l.file.Swap(nil)
	if file == nil {
		return nil
	}
	now, err := os.Lstat(l.addr.Address)
	if err == nil && !os.SameFile(now, *file) {
		return nil
	}
	if err == nil {
		err = os.Remove(l.addr.Address)
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		// Somebody else was quicker; or it was bound as root in a directory of root's, and the privileges are gone. The
		// next start replaces what is left.
		return nil
	}
	return err
}
