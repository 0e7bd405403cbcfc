package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
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
}

// Listener is an open listening socket. It is a net.Listener, so that any server can accept from it.
type Listener struct {
	socket
	addr Addr
	file os.FileInfo // the socket file as we made it; nil when there is none

	closeOnce sync.Once
	closeErr  error
}

// Listen makes the socket, with the longest backlog that the kernel permits. For a unix socket, a file that is there
// already is replaced if it is a socket on which nobody answers, and is an error otherwise; nobody but its
// owner-to-be can connect before mode, owner and group are set. The caller closes the Listener.
func Listen(ctx context.Context, addr Addr, permissions Permissions) (*Listener, error) {
	if addr.hasFile() {
		if err := removeStale(ctx, addr.Address); err != nil {
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
	listener := &Listener{socket: plain.(socket), addr: addr}
	if err := listener.adoptFile(permissions); err != nil {
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

// adoptFile remembers which file is ours and gives it its owner and then its mode.
func (l *Listener) adoptFile(permissions Permissions) error {
	if !l.addr.hasFile() {
		return nil
	}
	// The net package would remove whatever has the name by then; Close looks first.
	l.socket.(*net.UnixListener).SetUnlinkOnClose(false)
	path := l.addr.Address
	file, err := os.Lstat(path)
	if err != nil {
		return err
	}
	l.file = file
	if permissions.UID != -1 || permissions.GID != -1 {
		if err := os.Lchown(path, permissions.UID, permissions.GID); err != nil {
			return err
		}
	}
	mode := permissions.Mode & 0o777
	if mode == 0 {
		mode = defaultMode
	}
	return os.Chmod(path, os.FileMode(mode))
}

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

// removeFile takes the name away before the socket closes, so that nobody finds a file on which no one answers.
func (l *Listener) removeFile() error {
	if l.file == nil {
		return nil
	}
	now, err := os.Lstat(l.addr.Address)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !os.SameFile(now, l.file) {
		return nil
	}
	return os.Remove(l.addr.Address)
}
