package osproc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"

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
//
// It hardly allocates: it runs while requests are served.
func unchangedParts(maps io.Reader, file string) (parts []addresses) {
	var part addresses
	ours := false
	name := []byte(" " + file)
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		line := lines.Bytes()
		if from, rest, ok := bytes.Cut(line, []byte("-")); ok && !bytes.Contains(from, []byte(":")) {
			part, ours = readOnly(from, rest)
			ours = ours && bytes.HasSuffix(line, name)
			continue
		}
		if changed, ok := bytes.CutPrefix(line, []byte("Anonymous:")); ours && ok && string(bytes.TrimSpace(changed)) == "0 kB" {
			parts = append(parts, part)
		}
	}
	return parts
}

// readOnly takes "start-end rights ..." apart at its dash, and tells whether it is a mapping that cannot be written.
func readOnly(from, rest []byte) (addresses, bool) {
	to, rights, _ := bytes.Cut(rest, []byte(" "))
	if len(rights) < 2 || rights[1] != '-' {
		return addresses{}, false
	}
	start, startErr := strconv.ParseUint(string(from), 16, 64)
	end, endErr := strconv.ParseUint(string(to), 16, 64)
	return addresses{uintptr(start), uintptr(end)}, startErr == nil && endErr == nil
}
