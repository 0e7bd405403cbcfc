package configs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxSocketPath is the longest path that fits into sockaddr_un.sun_path with its closing NUL.
const maxSocketPath = 107

var errAddress = errors.New("not an address")

// address is as much of a listen address as a configuration can be judged by. Opening it is the sockets package's
// part.
type address struct {
	unix   bool
	passed bool   // opened by somebody else: systemd:NAME, fd:NUMBER
	host   string // empty for a unix socket
	port   string
	path   string // of a unix socket, "@name" if abstract; of a passed one, the whole text
}

// key is equal for two texts that mean the same address.
func (a address) key() string {
	if a.unix {
		return "unix:" + a.path
	}
	if a.passed {
		return a.path
	}
	return net.JoinHostPort(a.host, a.port)
}

// isPublic says that others than this machine could connect. A name counts as public unless it is localhost.
// Of a passed socket it is known when it is there.
func (a address) isPublic() bool {
	if a.unix || a.passed || strings.EqualFold(a.host, "localhost") {
		return false
	}
	ip, err := netip.ParseAddr(a.host)
	return err != nil || !ip.Unmap().IsLoopback()
}

// spellOut writes unix: in front of a path that stands alone, as uWSGI's users write it. Nothing else that one can listen
// on begins so: no host has a slash. It is done when a text is read, so that all who compare addresses see one spelling.
func spellOut(text string) string {
	for _, begin := range [...]string{"/", "./", "../"} {
		if strings.HasPrefix(text, begin) {
			return "unix:" + text
		}
	}
	return text
}

// parseAddress checks the form of a listen address. Its errors say what to write instead.
func parseAddress(text string) (address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return parseSocketPath(path)
	}
	if strings.HasPrefix(text, "systemd:") || strings.HasPrefix(text, "fd:") {
		return parsePassed(text)
	}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		return address{}, fmt.Errorf("%w: write %s, without the scheme", errAddress, strings.TrimSuffix(rest, "/"))
	}
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		return address{}, fmt.Errorf("%w: write :%s for that port on loopback", errAddress, text)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil && strings.HasSuffix(text, ".sock") {
		return address{}, fmt.Errorf("%w: write ./%s for a unix socket", errAddress, text)
	}
	if err != nil {
		return address{}, fmt.Errorf("%w: %q is not HOST:PORT, :PORT, unix:PATH, /PATH or unix:@name "+
			"(an IPv6 address needs brackets: [::1]:8000)", errAddress, text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return address{}, fmt.Errorf("%w: the port of %q is not a number from 0 to 65535", errAddress, text)
	}
	if host == "*" {
		return address{}, fmt.Errorf("%w: write 0.0.0.0:%s for every address of this machine", errAddress, port)
	}
	if strings.ContainsAny(host, "/ \x00") {
		return address{}, fmt.Errorf("%w: %q is neither a host name nor an IP address", errAddress, host)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return address{host: host, port: port}, nil
}

// firstDescriptor is the first one that can be a passed socket: those below are the standard streams.
const firstDescriptor = 3

// parsePassed reads systemd:NAME or fd:NUMBER. What systemd lets a name have is in systemd.socket(5),
// FileDescriptorName=.
func parsePassed(text string) (address, error) {
	network, name, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(name, 10, 16)
	if network == "fd" && (err != nil || n < firstDescriptor) {
		return address{}, fmt.Errorf("%w: fd: needs the number of a descriptor behind it, from %d on", errAddress, firstDescriptor)
	}
	isOdd := func(r rune) bool { return r <= ' ' || r == ':' || r == 0x7f }
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, isOdd) {
		return address{}, fmt.Errorf("%w: systemd: needs the socket's FileDescriptorName= behind it", errAddress)
	}
	return address{passed: true, path: text}, nil
}

func parseSocketPath(path string) (address, error) {
	switch {
	case path == "" || path == "@":
		return address{}, fmt.Errorf("%w: unix: needs a path or @name behind it", errAddress)
	case len(path) > maxSocketPath:
		return address{}, fmt.Errorf("%w: the socket's path has %d bytes, the kernel takes %d", errAddress,
			len(path), maxSocketPath)
	case strings.ContainsRune(path, 0):
		return address{}, fmt.Errorf("%w: the socket's path contains a NUL byte", errAddress)
	}
	return address{unix: true, path: path}, nil
}

// checkNetwork says whether a text is an IP address or a network in CIDR form.
func checkNetwork(text string) error {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		return nil
	}
	if text == "*" || text == "all" {
		return fmt.Errorf("%q is neither an IP address nor a network: every address is 0.0.0.0/0 and ::/0", text)
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", text)
	}
	if prefix.Masked() != prefix {
		return fmt.Errorf("%q has bits set behind its mask: write %s", text, prefix.Masked())
	}
	if prefix.Addr().Is4In6() {
		return fmt.Errorf("write %q as an IPv4 network", text)
	}
	return nil
}
