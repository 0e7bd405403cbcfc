package osproc

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Notifier tells the service manager how it goes (sd_notify(3)). It is safe for several goroutines.
type Notifier struct {
	address  string // of the manager's datagram socket; empty: nobody listens
	watchdog time.Duration
}

// Variables are the names by which a service manager tells a process where to report, and which sockets it passes.
// They are meant for one process and should not reach its children.
var Variables = []string{
	"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
}

// NewNotifier finds the manager by NOTIFY_SOCKET, and by WATCHDOG_USEC whether it wants signs of life. WATCHDOG_PID
// must name this process; with inherited, it may be the process's predecessor.
func NewNotifier(environ []string, inherited bool) *Notifier {
	n := &Notifier{}
	values := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	if address := values["NOTIFY_SOCKET"]; strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@") {
		n.address = address
	}
	usec, err := strconv.ParseInt(values["WATCHDOG_USEC"], 10, 64)
	meant := values["WATCHDOG_PID"] == "" || inherited || values["WATCHDOG_PID"] == strconv.Itoa(os.Getpid())
	if err == nil && usec > 0 && meant && n.address != "" {
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// Listens tells whether there is a manager.
func (n *Notifier) Listens() bool { return n.address != "" }

// WatchdogTime is how long the manager waits for a sign of life before it ends the process; 0 when it wants none.
func (n *Notifier) WatchdogTime() time.Duration { return n.watchdog }

// Ready says that the start, or a reload, is over. Status is a line for people.
func (n *Notifier) Ready(status string) error { return n.send("READY=1\nSTATUS=" + oneLine(status)) }

// Reloading says that a reload begins; Ready must follow, whatever comes of it.
func (n *Notifier) Reloading(status string) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return n.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=%s", now.Nano()/1000, oneLine(status)))
}

// Stopping says that the end has begun, and takes at most so long.
func (n *Notifier) Stopping(status string, atMost time.Duration) error {
	return n.send(fmt.Sprintf("STOPPING=1\nSTATUS=%s\nEXTEND_TIMEOUT_USEC=%d", oneLine(status), atMost.Microseconds()))
}

// Status tells people how it goes.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + oneLine(status)) }

// Extend asks for so much time from now on, for a start, a reload or an end that is under way.
func (n *Notifier) Extend(d time.Duration) error {
	return n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()))
}

// MainPID says that another process is the service now. Only the present main process is believed, so it must say so
// itself.
func (n *Notifier) MainPID(pid int) error { return n.send(fmt.Sprintf("MAINPID=%d", pid)) }

// Alive is the sign of life that the watchdog waits for.
func (n *Notifier) Alive() error { return n.send("WATCHDOG=1") }

// send gives one datagram to the manager. It does not wait for it to be read.
func (n *Notifier) send(state string) error {
	if n.address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// oneLine keeps a text from becoming further assignments.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }
