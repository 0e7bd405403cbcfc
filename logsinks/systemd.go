package logsinks

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// IsJournalStream tells whether a standard stream ends in systemd's journal: JOURNAL_STREAM, the variable of
// systemd.exec(5), names the device and the inode of the socket, so that a stream which was redirected since is not
// taken for it. variable is its value.
func IsJournalStream(out io.Writer, variable string) bool {
	f, isFile := out.(*os.File)
	if !isFile || variable == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && variable == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
