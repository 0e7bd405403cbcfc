package logsinks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// socketTime bounds each write to a socket.
const socketTime = 2 * time.Second

// journal is a Target that speaks systemd's native protocol: a datagram for each entry, fields as "NAME=value\n", or
// with a length when the value has line breaks (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).
type journal struct {
	path  string
	tag   string
	conn  *net.UnixConn
	entry []byte
}

// Journal makes a Target whose records are fields as AppendJournalField writes them. tag is SYSLOG_IDENTIFIER.
func Journal(path, tag string) Target { return &journal{path: path, tag: tag} }

// AppendJournalField appends a field of a journal entry. name must be one that the journal takes: upper-case letters,
// digits and underscores, not beginning with an underscore.
func AppendJournalField[T []byte | string](dst []byte, name string, value T) []byte {
	dst = append(dst, name...)
	for i := range len(value) {
		if value[i] == '\n' {
			dst = append(dst, '\n')
			dst = binary.LittleEndian.AppendUint64(dst, uint64(len(value)))
			dst = append(dst, value...)
			return append(dst, '\n')
		}
	}
	dst = append(append(dst, '='), value...)
	return append(dst, '\n')
}

func (j *journal) Framed() bool { return true }

func (j *journal) Write(frames []byte) (lost int, err error) {
	for len(frames) > 0 {
		var m message
		m, frames = nextFrame(frames)
		j.entry = AppendJournalField(j.entry[:0], "PRIORITY", strconv.Itoa(int(m.severity)))
		j.entry = AppendJournalField(j.entry, "SYSLOG_IDENTIFIER", j.tag)
		j.entry = append(j.entry, m.text...)
		if failure := j.send(); failure != nil {
			lost, err = lost+1, failure
		}
	}
	return lost, err
}

// send sends the entry, once more over a new socket when the journal was restarted.
func (j *journal) send() (err error) {
	for range 2 {
		if j.conn == nil {
			if j.conn, err = dialUnixgram(j.path); err != nil {
				return err
			}
		}
		if err = j.sendOnce(); err == nil {
			return nil
		}
		_ = j.conn.Close()
		j.conn = nil
	}
	return err
}

func (j *journal) sendOnce() error {
	if err := j.conn.SetWriteDeadline(time.Now().Add(socketTime)); err != nil {
		return err
	}
	_, err := j.conn.Write(j.entry)
	if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	return j.sendFile()
}

// sendFile hands over an entry that is too large for a datagram as a sealed file in memory.
func (j *journal) sendFile() error {
	fd, err := unix.MemfdCreate("journal-entry", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("journal entry: %w", err)
	}
	entry := os.NewFile(uintptr(fd), "journal-entry")
	defer func() { _ = entry.Close() }()
	if _, err := entry.Write(j.entry); err != nil {
		return fmt.Errorf("journal entry: %w", err)
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("journal entry: %w", err)
	}
	return j.sendRights(unix.UnixRights(fd))
}

// sendRights sends descriptors without a byte. WriteMsgUnix refuses to do that on a socket that is connected.
func (j *journal) sendRights(rights []byte) error {
	raw, err := j.conn.SyscallConn()
	if err != nil {
		return err
	}
	var problem error
	err = raw.Write(func(fd uintptr) bool {
		problem = unix.Sendmsg(int(fd), nil, rights, nil, 0)
		return !errors.Is(problem, unix.EAGAIN)
	})
	return errors.Join(err, problem)
}

func dialUnixgram(path string) (*net.UnixConn, error) {
	return net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
}

// Reopen connects anew with the next entry.
func (j *journal) Reopen() error { return j.Close() }

func (j *journal) Close() error {
	if j.conn == nil {
		return nil
	}
	conn := j.conn
	j.conn = nil
	return conn.Close()
}
