package osproc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// DropStartPages lets go of the pages of this program's own file that are mapped and cannot be written: most of what a start
// reads, tables of the libraries above all, is never looked at again, and counts as the process's memory until then. What is
// needed comes back from the kernel's page cache as a minor fault. It takes about a millisecond.
func DropStartPages() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer maps.Close()
	for _, part := range unchangedParts(maps, program) {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, part.start, part.end-part.start, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("pages of %s: %w", program, errno)
		}
	}
	return nil
}

// addresses are those from start to before end.
type addresses struct{ start, end uintptr }

// unchangedParts gives the mappings of a file that are as the file is, from a list as proc_pid_smaps(5) has it: they cannot be
// written, and no page of them has been changed before that, as the loader does in position-independent programs, and
// debuggers do in any.
func unchangedParts(maps io.Reader, file string) (parts []addresses) {
	var part addresses
	readOnly := false
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		line := lines.Text()
		var at addresses
		var rights string
		if n, _ := fmt.Sscanf(line, "%x-%x %4s", &at.start, &at.end, &rights); n == 3 {
			part, readOnly = at, rights[1] == '-' && strings.HasSuffix(line, " "+file)
			continue
		}
		if changed, ok := strings.CutPrefix(line, "Anonymous:"); ok && readOnly && strings.TrimSpace(changed) == "0 kB" {
			parts = append(parts, part)
		}
	}
	return parts
}
