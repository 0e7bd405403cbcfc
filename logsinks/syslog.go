package logsinks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxSyslog is the longest message in bytes; longer ones are cut. RFC 5424 section 6.1 lets receivers do so from 2048
// on, and a UDP datagram cannot have more than 65507.
const maxSyslog = 32 << 10

// facilities are those of RFC 5424 section 6.2.1, by the names that syslog.conf uses.
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
	"security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// Facilities gives the names of all facilities.
func Facilities() []string { return append([]string(nil), facilities[:]...) }

// ErrSyslogAddress is an address that names no syslog server.
var ErrSyslogAddress = errors.New(`write unix:/dev/log, udp:HOST:PORT or tcp:HOST:PORT`)

// Syslog says where messages go and what they look like.
type Syslog struct {
	Address  string // "unix:PATH", "udp:HOST:PORT", "tcp:HOST:PORT"
	Facility string // one of Facilities
	Tag      string // the program's name
	// Format is "rfc3164", "rfc5424", or "auto": the former for unix sockets, where every daemon reads it.
	Format string
}

// Open makes a Target. It connects with the first message, so that the order of starting does not matter. The error is
// ErrSyslogAddress, or an unknown facility.
func (s Syslog) Open() (Target, error) {
	network, address, err := ParseSyslog(s.Address)
	if err != nil {
		return nil, err
	}
	for number, name := range facilities {
		if name == s.Facility {
			host, _ := os.Hostname() // without one RFC 5424 wants "-"
			old := s.Format == "rfc3164" || s.Format == "auto" && network == "unixgram"
			return &syslog{spec: s, old: old, network: network, address: address, facility: number, host: host}, nil
		}
	}
	return nil, fmt.Errorf("%q is no syslog facility", s.Facility)
}

// ParseSyslog takes an address apart. The network is that of package net.
func ParseSyslog(text string) (network, address string, err error) {
	kind, address, _ := strings.Cut(text, ":")
	switch kind {
	case "unix":
		if strings.HasPrefix(address, "/") {
			return "unixgram", address, nil
		}
	case "udp", "tcp":
		host, port, err := net.SplitHostPort(address)
		if err == nil && host != "" && port != "" {
			return kind, address, nil
		}
	}
	return "", "", fmt.Errorf("%q: %w", text, ErrSyslogAddress)
}

type syslog struct {
	spec             Syslog
	network, address string
	facility         int
	host             string
	old              bool // RFC 3164

	conn    net.Conn
	buffer  []byte
	message []byte    // in buffer
	failed  time.Time // when the last connection could not be made
}

func (s *syslog) Framed() bool { return true }

func (s *syslog) Write(frames []byte) (lost int, err error) {
	for len(frames) > 0 {
		var m message
		m, frames = nextFrame(frames)
		s.message = s.appendMessage(s.buffer[:0], m)
		if failure := s.send(); failure != nil {
			lost, err = lost+1, failure
		}
	}
	return lost, err
}

// errResting is a server that could not be reached a moment ago.
var errResting = errors.New("the syslog server could not be reached a moment ago")

// restTime is how long nobody tries to connect after a failure: connecting may take its time, and records wait for it.
const restTime = time.Second

func (s *syslog) send() (err error) {
	for range 2 {
		if err = s.connect(); err != nil {
			return err
		}
		if err = s.conn.SetWriteDeadline(time.Now().Add(socketTime)); err == nil {
			_, err = s.conn.Write(s.message)
		}
		if err == nil {
			return nil
		}
		_ = s.conn.Close()
		s.conn = nil
	}
	return err
}

func (s *syslog) connect() error {
	if s.conn != nil {
		return nil
	}
	now := time.Now()
	if now.Sub(s.failed) < restTime {
		return errResting
	}
	ctx, cancel := context.WithTimeout(context.Background(), socketTime)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, s.network, s.address)
	if err != nil {
		s.failed = now
		return err
	}
	s.conn = conn
	return nil
}

// isStream tells whether messages need an end of their own.
func (s *syslog) isStream() bool { return s.network == "tcp" }

// appendMessage writes what RFC 5424 section 6 or RFC 3164 section 4.1 has; over TCP with RFC 6587's octet counting,
// which leaves line breaks alone.
func (s *syslog) appendMessage(dst []byte, m message) []byte {
	const room = 8 // for the count
	if s.isStream() {
		dst = append(dst, "        "[:room]...)
	}
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(s.facility*8)+int64(m.severity), 10)
	dst = append(dst, '>')
	if s.old {
		dst = m.at.Local().AppendFormat(dst, "Jan _2 15:04:05 ")
		if s.network != "unixgram" { // local daemons know the host
			dst = append(append(dst, orDash(s.host)...), ' ')
		}
		dst = append(append(dst, s.spec.Tag...), '[')
		dst = strconv.AppendInt(dst, int64(os.Getpid()), 10)
		dst = append(dst, "]: "...)
	} else {
		dst = append(dst, "1 "...)
		dst = m.at.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z ")
		dst = append(append(dst, orDash(s.host)...), ' ')
		dst = append(append(dst, s.spec.Tag...), ' ')
		dst = strconv.AppendInt(dst, int64(os.Getpid()), 10)
		dst = append(dst, " - - "...)
	}
	dst = append(dst, m.text[:min(len(m.text), maxSyslog)]...)
	s.buffer = dst
	if !s.isStream() {
		return dst
	}
	count := strconv.Itoa(len(dst)-room) + " "
	from := room - len(count)
	copy(dst[from:], count)
	return dst[from:]
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// Reopen connects anew with the next message.
func (s *syslog) Reopen() error { return s.Close() }

func (s *syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return conn.Close()
}
