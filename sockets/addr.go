package sockets

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The networks that an Addr can name.
const (
	networkTCP     = "tcp"
	networkUnix    = "unix"
	networkSystemd = "systemd" // passed by systemd's socket activation, and named there
	networkFD      = "fd"      // any descriptor that this process was started with
)

// firstFD is the first descriptor that can be a passed socket: those below are the standard streams.
const firstFD = 3

// maxUnixPath is the longest path that fits struct sockaddr_un with its terminating NUL (unix(7)).
const maxUnixPath = 107

// ErrAddress is in the chain of every error that Parse returns.
var ErrAddress = errors.New("bad listen address")

// Addr is one address to listen on. The first two networks are in the words that package net takes; the others are
// sockets that somebody else has opened.
type Addr struct {
	Network string // "tcp", "unix", "systemd" or "fd"
	Address string // "HOST:PORT" with a numeric port; a path, or "@name" for an abstract socket; a name; a number
}

// Parse reads HOST:PORT, :PORT (loopback; a public address must be spelled out), unix:PATH, unix:@abstract,
// systemd:NAME or fd:NUMBER. Port 0 is allowed and means any free one. Host names are not looked up here.
func Parse(text string) (Addr, error) {
	if name, ok := strings.CutPrefix(text, "systemd:"); ok {
		return parsePassed(text, networkSystemd, name)
	}
	if number, ok := strings.CutPrefix(text, "fd:"); ok {
		return parsePassed(text, networkFD, number)
	}
	if path, isUnix := strings.CutPrefix(text, "unix:"); isUnix {
		return parseUnix(text, path)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return Addr{}, fmt.Errorf("%w %q: want HOST:PORT, :PORT, unix:PATH, unix:@NAME, systemd:NAME or fd:NUMBER", ErrAddress, text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return Addr{}, fmt.Errorf("%w %q: port %q is not a number from 0 to 65535", ErrAddress, text, port)
	}
	if strings.ContainsAny(host, "/ *\x00") {
		return Addr{}, fmt.Errorf("%w %q: host %q is neither a name nor an IP address", ErrAddress, text, host)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return Addr{Network: networkTCP, Address: net.JoinHostPort(host, port)}, nil
}

func parseUnix(text, path string) (Addr, error) {
	switch {
	case path == "" || path == "@":
		return Addr{}, fmt.Errorf("%w %q: the socket has no name", ErrAddress, text)
	case strings.ContainsRune(path, 0):
		return Addr{}, fmt.Errorf("%w %q: NUL in the socket's name", ErrAddress, text)
	case len(path) > maxUnixPath:
		return Addr{}, fmt.Errorf("%w %q: the name has %d bytes, the kernel allows %d",
			ErrAddress, text, len(path), maxUnixPath)
	}
	return Addr{Network: networkUnix, Address: path}, nil
}

// parsePassed reads what names a socket that was opened by others. A name of systemd's has no colon and no control
// character (sd_listen_fds(3), FileDescriptorName= in systemd.socket(5)).
func parsePassed(text, network, name string) (Addr, error) {
	if network == networkFD {
		if n, err := strconv.ParseUint(name, 10, 16); err != nil || n < firstFD {
			return Addr{}, fmt.Errorf("%w %q: want the number of a descriptor from %d on", ErrAddress, text, firstFD)
		}
	}
	isOdd := func(r rune) bool { return r <= ' ' || r == ':' || r == 0x7f }
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, isOdd) {
		return Addr{}, fmt.Errorf("%w %q: not the name of a socket", ErrAddress, text)
	}
	return Addr{Network: network, Address: name}, nil
}

// String gives the address in the form that Parse reads.
func (a Addr) String() string {
	if a.Network == networkTCP {
		return a.Address
	}
	return a.Network + ":" + a.Address
}

// IsPassed tells whether somebody else opens the socket: it can be found among those that this process was started
// with, and not made.
func (a Addr) IsPassed() bool { return a.Network == networkSystemd || a.Network == networkFD }

// same tells whether two addresses mean the same socket, however an IP address is written.
func (a Addr) same(b Addr) bool {
	if a == b || a.Network != networkTCP || b.Network != networkTCP {
		return a == b
	}
	first, firstErr := netip.ParseAddrPort(a.Address)
	second, secondErr := netip.ParseAddrPort(b.Address)
	return firstErr == nil && secondErr == nil && first == second
}

// IsUnix tells whether this is a unix-domain socket, with a path or abstract.
func (a Addr) IsUnix() bool { return a.Network == networkUnix }

// IsLoopback tells whether only this machine can reach the address. Unix sockets are; of host names only localhost is
// taken to be, since any other may resolve to anything.
func (a Addr) IsLoopback() bool {
	if a.IsUnix() {
		return true
	}
	host, _, err := net.SplitHostPort(a.Address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// family is Network, narrowed where package net would listen on more than was asked for: 0.0.0.0 is every IPv4 address,
// and net would take every IPv6 address too. [::] stays both, as Linux has it.
func (a Addr) family() string {
	host, _, _ := net.SplitHostPort(a.Address)
	if a.Network == networkTCP && host == "0.0.0.0" {
		return "tcp4"
	}
	return a.Network
}

// hasFile tells whether the address is a name in the file system.
func (a Addr) hasFile() bool { return a.IsUnix() && !strings.HasPrefix(a.Address, "@") }
