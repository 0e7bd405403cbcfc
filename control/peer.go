package control

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Credentials is who is at the other end of a unix socket, as the kernel knows it: for a client, the process that
// connected; for a server, the one that listens.
type Credentials struct {
	PID int // 0 when it is in a pid namespace that this process does not see
	UID uint32
}

// errNoCredentials is a connection of another kind than a unix socket.
var errNoCredentials = errors.New("control: not a unix socket")

// PeerOf asks the kernel (SO_PEERCRED, unix(7)).
func PeerOf(conn net.Conn) (Credentials, error) {
	owner, ok := conn.(syscall.Conn)
	if !ok {
		return Credentials{}, errNoCredentials
	}
	raw, err := owner.SyscallConn()
	if err != nil {
		return Credentials{}, err
	}
	var peer *unix.Ucred
	var problem error
	err = raw.Control(func(fd uintptr) { peer, problem = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, problem); err != nil {
		return Credentials{}, fmt.Errorf("peer credentials: %w", err)
	}
	return Credentials{PID: int(peer.Pid), UID: peer.Uid}, nil
}
