package osproc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain is also a process that gives its rights up, as HANDS names it.
func TestMain(m *testing.M) {
	if hands := os.Getenv("OSPROC_TEST_BECOME"); hands != "" {
		os.Exit(become(hands))
	}
	os.Exit(m.Run())
}

// become prints the ids of every thread after it has become the user.
func become(text string) int {
	name, group, _ := strings.Cut(text, ":")
	id, err := LookupIdentity(name, group)
	if err == nil {
		err = id.Assume()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for range 2 { // the second time it is that user already
		if err := id.Assume(); err != nil {
			fmt.Println("again:", err)
			return 1
		}
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(threads) < 2 {
		fmt.Println(threads, err)
		return 1
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		for line := range strings.Lines(string(status)) {
			if key, value, _ := strings.Cut(line, ":"); slices.Contains([]string{"Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapAmb"}, key) {
				fmt.Println(key, strings.Join(strings.Fields(value), " "))
			}
		}
	}
	return 0
}

// TestAssume_EveryThreadForGood needs root for its main part, as the feature does; anybody else is refused.
func TestAssume_EveryThreadForGood(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "OSPROC_TEST_BECOME=nobody:daemon")
	output, err := command.CombinedOutput()
	if os.Geteuid() != 0 {
		if err == nil || !strings.Contains(string(output), ErrNotRoot.Error()) {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	nobody, lookupErr := user.Lookup("nobody")
	daemon, groupErr := user.LookupGroup("daemon")
	if err := errors.Join(err, lookupErr, groupErr); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	four := func(id string) string { return strings.Repeat(id+" ", 3) + id }
	id, err := LookupIdentity("nobody", "daemon")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(id.Groups)
	wanted := map[string]string{
		"Uid": four(nobody.Uid), "Gid": four(daemon.Gid), "Groups": strings.Trim(fmt.Sprint(id.Groups), "[]"),
		"CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapAmb": "0000000000000000",
	}
	seen := 0
	for line := range strings.Lines(strings.TrimSpace(string(output))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if wanted[key] != value {
			t.Errorf("%s is %q, want %q", key, value, wanted[key])
		}
		seen++
	}
	if seen < 2*len(wanted) {
		t.Errorf("too few threads:\n%s", output)
	}
}

func TestLookupIdentity(t *testing.T) {
	byName, err := LookupIdentity("root", "")
	if err != nil || byName.UID != 0 || byName.GID != 0 || byName.Home != "/root" || !slices.Contains(byName.Groups, 0) {
		t.Errorf("%+v, %v", byName, err)
	}
	byNumber, err := LookupIdentity("0", "0")
	if err != nil || byNumber.UID != 0 || byNumber.Name != "root" {
		t.Errorf("%+v, %v", byNumber, err)
	}
	unknown, err := LookupIdentity("54321", "12345")
	if err != nil || unknown.UID != 54321 || unknown.GID != 12345 || !slices.Equal(unknown.Groups, []int{12345}) {
		t.Errorf("%+v, %v", unknown, err)
	}
	for _, bad := range [][2]string{{"nobody-there", ""}, {"54321", ""}, {"root", "no-such-group"}, {"-1", "0"}} {
		if id, err := LookupIdentity(bad[0], bad[1]); err == nil {
			t.Errorf("%v gives %+v", bad, id)
		}
	}
}

func TestSetRlimits(t *testing.T) {
	var before, after syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	if err := SetRlimits(map[string]uint64{"core": 4096}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Getrlimit(unix.RLIMIT_CORE, &after); err != nil || after.Cur != 4096 || after.Max != before.Max {
		t.Errorf("%+v became %+v, %v", before, after, err)
	}
	if err := syscall.Setrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Error(err)
	}
	if err := SetRlimits(map[string]uint64{"as": 1}); !errors.Is(err, ErrNoSuchLimit) {
		t.Error(err)
	}
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pid")
	own := strconv.Itoa(os.Getpid()) + "\n"
	read := func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	for _, before := range []string{"", "1234567\n"} { // none, and a stale one
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := WritePIDFile(path); err != nil || read() != own {
			t.Errorf("%v, %q", err, read())
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Error(info.Mode(), err)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	if err := RemovePIDFile(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := RemovePIDFile(path); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
	if err := os.WriteFile(path, []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := RemovePIDFile(path); err != nil || read() != "1\n" {
		t.Errorf("a successor's is removed: %v, %q", err, read())
	}
	if err := WritePIDFile("/nowhere/at/all.pid"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	link := path + ".link"
	if err := errors.Join(os.Symlink(path, link), overwrite(link, "2\n")); err == nil || read() != "1\n" {
		t.Errorf("written through a link: %v, %q", err, read())
	}
}

func TestNotifier(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@penknife-notify-" + strconv.Itoa(os.Getpid())} {
		manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		n := NewNotifier([]string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=3000000"}, false)
		if !n.Listens() || n.WatchdogTime() != 3*time.Second {
			t.Errorf("%+v", n)
		}
		for _, step := range []struct {
			err  error
			want string
		}{
			{n.Ready("a\nMAINPID=1"), "READY=1\nSTATUS=a MAINPID=1"},
			{n.Stopping("b", 2*time.Second), "STOPPING=1\nSTATUS=b\nEXTEND_TIMEOUT_USEC=2000000"},
			{n.Status("c"), "STATUS=c"}, {n.MainPID(77), "MAINPID=77"}, {n.Alive(), "WATCHDOG=1"},
			{n.Extend(time.Millisecond), "EXTEND_TIMEOUT_USEC=1000"},
		} {
			if got := datagram(t, manager); got != step.want || step.err != nil {
				t.Errorf("%q, want %q (%v)", got, step.want, step.err)
			}
		}
		var before, after unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &before)
		err = n.Reloading("d")
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &after)
		var usec int64
		if _, scanErr := fmt.Sscanf(datagram(t, manager), "RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=d", &usec); scanErr != nil || err != nil ||
			usec < before.Nano()/1000 || usec > after.Nano()/1000 {
			t.Errorf("%d, %v, %v", usec, scanErr, err)
		}
		_ = manager.Close()
		if err := n.Alive(); err == nil {
			t.Error("nobody is there, and nobody is told")
		}
	}
}

func datagram(t *testing.T, from *net.UnixConn) string {
	t.Helper()
	_ = from.SetReadDeadline(time.Now().Add(5 * time.Second))
	text := make([]byte, 4096)
	n, err := from.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[:n])
}

func TestNotifier_WhoIsMeant(t *testing.T) {
	own := "WATCHDOG_PID=" + strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		environ   []string
		inherited bool
		want      time.Duration
	}{
		{[]string{"NOTIFY_SOCKET=/a", "WATCHDOG_USEC=1000", own}, false, time.Millisecond},
		{[]string{"NOTIFY_SOCKET=/a", "WATCHDOG_USEC=1000", "WATCHDOG_PID=1"}, false, 0},
		{[]string{"NOTIFY_SOCKET=/a", "WATCHDOG_USEC=1000", "WATCHDOG_PID=1"}, true, time.Millisecond},
		{[]string{"NOTIFY_SOCKET=/a", "WATCHDOG_USEC=soon"}, false, 0},
		{[]string{"WATCHDOG_USEC=1000"}, false, 0},
		{[]string{"NOTIFY_SOCKET=a/b", "WATCHDOG_USEC=1000"}, false, 0},
	} {
		if n := NewNotifier(test.environ, test.inherited); n.WatchdogTime() != test.want {
			t.Errorf("%v gives %v", test.environ, n.WatchdogTime())
		}
	}
	if n := NewNotifier(nil, false); n.Listens() || n.Ready("") != nil {
		t.Error("without a manager")
	}
}
