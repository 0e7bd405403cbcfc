package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	// ErrNotPassed is a socket that the configuration expects to be passed, and nobody has passed it.
	ErrNotPassed = errors.New("no such socket was passed to this process")
	// ErrNotListening is a descriptor that was passed and is no listening stream socket.
	ErrNotListening = errors.New("not a listening stream socket (systemd: ListenStream= with Accept=no)")
)

// longestBacklog is more than the kernel permits, which takes its own limit then (listen(2)).
const longestBacklog = 1 << 16

// FileID names a file whatever its path is (stat(2)).
type FileID struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// Handle is all that another process needs to go on with a listening socket, beside the descriptor itself.
type Handle struct {
	Told string  `json:"told"`           // the address in the configuration
	File *FileID `json:"file,omitempty"` // of the socket file that whoever holds the socket removes; nil: none
}

// Passed are listening sockets that this process was started with, by systemd or by its predecessor. It belongs to
// one goroutine.
type Passed struct {
	list   []*passed
	handed bool // a predecessor has numbered the descriptors anew
}

type passed struct {
	file    *os.File
	name    string // that systemd gave it
	handle  Handle
	adopted bool // from a predecessor, rather than from somebody who goes on owning it
}

// AddActivated takes sockets over from systemd, named by the files' names (sd_listen_fds(3)).
func (p *Passed) AddActivated(files []*os.File) {
	for _, file := range files {
		p.list = append(p.list, &passed{file: file, name: file.Name()})
	}
}

// AddHanded takes a socket over from a predecessor.
func (p *Passed) AddHanded(file *os.File, handle Handle) {
	p.list = append(p.list, &passed{file: file, handle: handle, adopted: true})
	p.handed = true
}

// Take gives the socket for an address of the configuration, or nil if none was passed; a socket is given once. Of
// fd:NUMBER any descriptor can be taken that this process was started with, so such addresses must be taken before
// anything else is opened.
func (p *Passed) Take(addr Addr) (*Listener, error) {
	at := slices.IndexFunc(p.list, func(one *passed) bool { return one.fits(addr) })
	if at < 0 && addr.Network == networkFD && !p.handed {
		number, err := strconv.Atoi(addr.Address)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
		return p.adopt(&passed{file: os.NewFile(uintptr(number), addr.String())}, addr)
	}
	if at < 0 {
		return nil, nil
	}
	one := p.list[at]
	p.list = slices.Delete(p.list, at, at+1)
	return p.adopt(one, addr)
}

func (one *passed) fits(addr Addr) bool {
	if one.adopted && one.handle.Told == addr.String() {
		return true
	}
	switch addr.Network {
	case networkSystemd:
		return !one.adopted && one.name == addr.Address
	case networkFD:
		return !one.adopted && strconv.Itoa(numberOf(one.file)) == addr.Address
	}
	own, err := addrOf(one.file)
	return err == nil && own.same(addr)
}

// Rest gives what nobody has taken.
func (p *Passed) Rest() (list []*Listener, failures []error) {
	for _, one := range p.list {
		addr, err := addrOf(one.file)
		if err == nil {
			var listener *Listener
			if listener, err = p.adopt(one, addr); err == nil {
				list = append(list, listener)
				continue
			}
		}
		failures = append(failures, fmt.Errorf("passed socket %q: %w", one.name, err))
	}
	p.list = nil
	return list, failures
}

// Close closes what nobody has taken, and removes nothing.
func (p *Passed) Close() {
	for _, one := range p.list {
		_ = one.file.Close()
	}
	p.list = nil
}

// adopt makes a Listener of a descriptor, which it closes.
func (p *Passed) adopt(one *passed, told Addr) (*Listener, error) {
	defer func() { _ = one.file.Close() }()
	addr, err := addrOf(one.file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", told, err)
	}
	plain, err := net.FileListener(one.file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", told, err)
	}
	listener := &Listener{socket: plain.(socket), addr: addr, told: told, kept: !one.adopted}
	if one.adopted {
		listener.handed, listener.heirloom = true, sameFile(addr, one.handle.File)
	}
	return listener, nil
}

// becomeOwner makes this process the one that clients see at the other end: the kernel tells them who has called listen
// last (SO_PEERCRED in unix(7)).
func (l *Listener) becomeOwner() error {
	raw, err := l.socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	err = raw.Control(func(fd uintptr) { listenErr = unix.Listen(int(fd), longestBacklog) })
	return errors.Join(err, listenErr)
}

// sameFile is the file at a socket's path, if it is the one that was handed over.
func sameFile(addr Addr, id *FileID) os.FileInfo {
	if id == nil || !addr.hasFile() {
		return nil
	}
	info, err := os.Lstat(addr.Address)
	if err != nil || *fileID(info) != *id {
		return nil
	}
	return info
}

func fileID(info os.FileInfo) *FileID {
	if info == nil {
		return nil
	}
	status := info.Sys().(*syscall.Stat_t) // on Linux it is nothing else
	return &FileID{Dev: uint64(status.Dev), Ino: status.Ino}
}

// addrOf asks the kernel for the address of a listening stream socket.
func addrOf(file *os.File) (Addr, error) {
	fd := numberOf(file)
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return Addr{}, fmt.Errorf("%w: %w", ErrNotListening, err)
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM || listens == 0 {
		return Addr{}, ErrNotListening
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return Addr{}, err
	}
	switch own := name.(type) {
	case *unix.SockaddrUnix:
		return Addr{Network: networkUnix, Address: own.Name}, nil
	case *unix.SockaddrInet4:
		return tcpAddr(own.Addr[:], own.Port), nil
	case *unix.SockaddrInet6:
		return tcpAddr(own.Addr[:], own.Port), nil
	}
	return Addr{}, ErrNotListening
}

// numberOf is a file's descriptor, -1 when it is closed. os.File.Fd would make the socket block, for the other processes
// that have it too.
func numberOf(file *os.File) int {
	number := -1
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { number = int(fd) })
	}
	return number
}

func tcpAddr(ip net.IP, port int) Addr {
	return Addr{Network: networkTCP, Address: net.JoinHostPort(ip.String(), strconv.Itoa(port))}
}

// Handle describes the listener for a successor.
func (l *Listener) Handle() Handle {
	handle := Handle{Told: l.told.String()}
	if file := l.file.Load(); file != nil {
		handle.File = fileID(*file)
	}
	return handle
}

// Told is what the configuration says, which differs from Address for a passed socket and for port 0.
func (l *Listener) Told() Addr { return l.told }
