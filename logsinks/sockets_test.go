package logsinks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 5 * time.Second

// datagrams is a socket that a daemon would have.
func datagrams(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// socketPath is short enough for a socket's name.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// receiveEntry reads one journal entry, from the datagram or from the file that came instead, and takes it apart by the
// rules of JOURNAL_NATIVE_PROTOCOL.
func receiveEntry(t *testing.T, conn *net.UnixConn) map[string]string {
	t.Helper()
	buffer, oob := make([]byte, 1<<20), make([]byte, 128)
	n, oobn, _, _, err := conn.ReadMsgUnix(buffer, oob)
	if err != nil {
		t.Fatal(err)
	}
	entry := buffer[:n]
	if n == 0 {
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			t.Fatal(messages, err)
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil {
			t.Fatal(err)
		}
		seals, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GET_SEALS, 0)
		if want := unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK; err != nil || seals&want != want {
			t.Errorf("seals %x, %v", seals, err)
		}
		f := os.NewFile(uintptr(fds[0]), "entry")
		defer func() { _ = f.Close() }()
		if entry, err = io.ReadAll(io.NewSectionReader(f, 0, 1<<30)); err != nil {
			t.Fatal(err)
		}
	}
	fields := map[string]string{}
	for len(entry) > 0 {
		end := bytes.IndexAny(entry, "=\n")
		name := string(entry[:end])
		if entry[end] == '=' {
			value, rest, _ := bytes.Cut(entry[end+1:], []byte{'\n'})
			fields[name], entry = string(value), rest
			continue
		}
		size := int(binary.LittleEndian.Uint64(entry[end+1:]))
		fields[name] = string(entry[end+9 : end+9+size])
		if entry[end+9+size] != '\n' {
			t.Errorf("%s does not end with a line break", name)
		}
		entry = entry[end+10+size:]
	}
	return fields
}

func TestJournal(t *testing.T) {
	path := socketPath(t)
	daemon := datagrams(t, path)
	w := New(Options{Target: Journal(path, "mysite"), Limit: 1 << 24, Dropped: func(n int, err error) { t.Errorf("%d lost: %v", n, err) }})
	w.Start()
	log := slog.New(NewJournalHandler(w, slog.LevelInfo)).With("worker", 3)
	log.Debug("quiet")
	log.Error("app", "request_id", "0f1e", "text", "Traceback\nKeyError: 1\n", "_x.y", 7)
	got := receiveEntry(t, daemon)
	for name, want := range map[string]string{
		"MESSAGE": "app worker=3 request_id=0f1e _x.y=7\nTraceback\nKeyError: 1", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "mysite",
		"WORKER": "3", "REQUEST_ID": "0f1e", "TEXT": "Traceback\nKeyError: 1\n", "X_Y": "7",
	} {
		if got[name] != want {
			t.Errorf("%s=%q, want %q", name, got[name], want)
		}
	}
	log.Info("output", "line", "hello\xff")
	if got = receiveEntry(t, daemon); got["MESSAGE"] != "output worker=3: hello\uFFFD" || got["PRIORITY"] != "6" {
		t.Errorf("%q", got)
	}
	large := strings.Repeat("x", 1<<20)
	log.Warn("app", "text", large)
	if got = receiveEntry(t, daemon); got["TEXT"] != large || got["PRIORITY"] != "4" {
		t.Errorf("the large entry has %d bytes", len(got["TEXT"]))
	}
	// The journal restarts: its socket is a new one.
	_ = daemon.Close()
	_ = os.Remove(path)
	daemon = datagrams(t, path)
	log.Info("again")
	if got = receiveEntry(t, daemon); got["MESSAGE"] != "again worker=3" {
		t.Errorf("%q", got)
	}
	if err := w.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestJournal_ThatIsNotThereIsCounted(t *testing.T) {
	lost := 0
	w := New(Options{Target: Journal(socketPath(t), "x"), Limit: 1 << 20, Dropped: func(n int, err error) {
		if lost += n; err == nil {
			t.Error("no reason")
		}
	}})
	w.Append([]byte("MESSAGE=x\n"), SeverityInfo, time.Now())
	if err := w.Shutdown(t.Context()); err != nil || lost != 1 {
		t.Errorf("%v, %d lost", err, lost)
	}
}

// Truth: the grammar of RFC 5424 section 6 and the example form of RFC 3164 section 5.4; facility daemon is 3.
func TestSyslog_Forms(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	pid := strconv.Itoa(os.Getpid())
	for _, test := range []struct{ network, format, want string }{
		{"unix", "auto", `^<28>Jan  2 \d\d:04:05 mysite\[` + pid + `\]: hello\nworld$`},
		{"unix", "rfc5424", `^<28>1 2026-01-02T03:04:05\.678901Z \S+ mysite ` + pid + ` - - hello\nworld$`},
		{"udp", "auto", `^<28>1 2026-01-02T03:04:05\.678901Z \S+ mysite ` + pid + ` - - hello\nworld$`},
		{"udp", "rfc3164", `^<28>Jan  2 \d\d:04:05 \S+ mysite\[` + pid + `\]: hello\nworld$`},
		{"tcp", "auto", `^\d+ <28>1 2026-01-02T03:04:05\.678901Z \S+ mysite ` + pid + ` - - hello\nworld$`},
	} {
		t.Run(test.network+" "+test.format, func(t *testing.T) {
			address, receive := syslogDaemon(t, test.network)
			target, err := Syslog{Address: address, Facility: "daemon", Tag: "mysite", Format: test.format}.Open()
			if err != nil {
				t.Fatal(err)
			}
			w := New(Options{Target: target, Limit: 1 << 20, Dropped: func(_ int, err error) { t.Error(err) }})
			w.Append([]byte("hello\nworld"), SeverityWarning, at)
			if err := w.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := receive()
			if !regexp.MustCompile(test.want).MatchString(got) {
				t.Errorf("%q\nwant %s", got, test.want)
			}
			if count, rest, _ := strings.Cut(got, " "); test.network == "tcp" && count != strconv.Itoa(len(rest)) {
				t.Errorf("the count %s is not %d", count, len(rest))
			}
		})
	}
}

// syslogDaemon listens, and gives the first message or, over TCP, everything.
func syslogDaemon(t *testing.T, network string) (address string, receive func() string) {
	t.Helper()
	if network == "tcp" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		return "tcp:" + ln.Addr().String(), func() string {
			conn, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			text, _ := io.ReadAll(conn)
			return string(text)
		}
	}
	var conn net.Conn
	if network == "unix" {
		path := socketPath(t)
		conn, address = datagrams(t, path), "unix:"+path
	} else {
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = udp.Close() })
		_ = udp.SetReadDeadline(time.Now().Add(patience))
		conn, address = udp, "udp:"+udp.LocalAddr().String()
	}
	return address, func() string {
		buffer := make([]byte, 64<<10)
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

func TestSyslog_SurvivesARestartOfTheDaemonAndBoundsMessages(t *testing.T) {
	path := socketPath(t)
	daemon := datagrams(t, path)
	target, err := Syslog{Address: "unix:" + path, Facility: "local7", Tag: "x", Format: "auto"}.Open()
	if err != nil {
		t.Fatal(err)
	}
	w := New(Options{Target: target, Limit: 1 << 20})
	w.Start()
	buffer := make([]byte, 1<<20)
	for range 2 {
		w.Append(bytes.Repeat([]byte("x"), 100<<10), SeverityInfo, time.Now())
		n, err := daemon.Read(buffer)
		if err != nil || n > maxSyslog+100 || n < maxSyslog || !bytes.HasPrefix(buffer, []byte("<190>")) {
			t.Errorf("%d bytes, %v", n, err)
		}
		_ = daemon.Close()
		_ = os.Remove(path)
		daemon = datagrams(t, path)
	}
	if err := w.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSyslog_ThatIsNotThereIsAskedOnceASecond(t *testing.T) {
	target, err := Syslog{Address: "unix:" + socketPath(t), Facility: "user", Tag: "x", Format: "auto"}.Open()
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, frameHead+1)
	putFrameHead(frame, 1, SeverityInfo, time.Now())
	if lost, err := target.Write(frame); lost != 1 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%d, %v", lost, err)
	}
	if lost, err := target.Write(append(frame, frame...)); lost != 2 || !errors.Is(err, errResting) {
		t.Errorf("%d, %v", lost, err)
	}
}

func TestSyslog_Addresses(t *testing.T) {
	for _, bad := range []string{"", "localhost", "unix:dev/log", "udp:localhost", "tcp::514", "http://x", "udp:h:"} {
		if _, err := (Syslog{Address: bad, Facility: "user"}).Open(); !errors.Is(err, ErrSyslogAddress) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := (Syslog{Address: "unix:/dev/log", Facility: "usr"}).Open(); err == nil || !strings.Contains(err.Error(), "usr") {
		t.Errorf("%v", err)
	}
	if len(Facilities()) != 24 {
		t.Error(fmt.Sprint(Facilities()))
	}
}
