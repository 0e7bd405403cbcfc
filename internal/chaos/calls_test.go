package chaos

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// failing is one kind of call into the kernel that fails now and then, in one process.
type failing struct {
	call   string
	errors string // words, each for a moment of its own
	when   string // strace's: the first call of a thread that fails, and each how many'th after it
	costs  int    // how many requests each call that fails may cost
}

// TestCallsFail lets calls of penknife, of a worker and of the zygote into the kernel fail under load, one kind after the
// other. Nothing panics, no byte is wrong, no more requests fail than is named for each call that did, and as soon
// as they succeed again everything does. It needs strace.
//
// Left out is what strace cannot do without doing something else, too: it does not make the call that fails, so close would
// leave the descriptor open, and epoll_pwait, which Go's runtime ends the process for, fails in a way of its own when strace leaves.
// So does what Go and the C library answer with an end of the process by design: mmap and clone in penknife, futex everywhere.
func TestCallsFail(t *testing.T) {
	static := testkit.Write(t, testkit.Dir(t), "file", content)
	a := begin(t, setup{processes: 2, threads: 2, config: fmt.Sprintf(
		"log: {access: combined, access_file: /dev/null}\nstatic:\n  - {url: /static/, root: %s}\n", strings.TrimSuffix(static, "/file"))})
	const noHarm = "EINTR EMFILE ENFILE ENOMEM ENOBUFS EPERM ECONNABORTED"
	a.tamperAll(t, a.PID, []failing{
		{call: "accept4", errors: some(noHarm, "EMFILE"), when: "3+5"},
		{call: "read", errors: some("EINTR", ""), when: "50+97"},
		{call: "read", errors: some("EIO ENOMEM", "EIO"), when: "50+97", costs: 1},
		{call: "write", errors: some("EIO ENOBUFS ENOMEM EPERM", ""), when: "50+97", costs: 1},
		{call: "sendto", errors: some("EIO ENOBUFS ENOMEM EPERM", ""), when: "11+53", costs: 1},
		{call: "sendto", errors: some("EINTR", ""), when: "11+53"},
		{call: "sendmsg", errors: some("EIO ENOBUFS ENOMEM EPERM", "ENOBUFS"), when: "11+53", costs: 1},
		{call: "sendmsg", errors: some("EINTR", ""), when: "11+53"},
		{call: "epoll_ctl", errors: some("EIO ENOMEM EPERM", ""), when: "2+5", costs: 1},
		{call: "openat", errors: some("EIO EMFILE ENFILE ENOMEM EPERM", "EIO"), when: "2+3", costs: 1},
		{call: "openat", errors: some("EINTR", "EINTR"), when: "2+3"},
		{call: "openat2", errors: some("EIO EMFILE ENFILE ENOMEM EPERM", ""), when: "2+3", costs: 1},
		{call: "openat2", errors: some("EINTR EAGAIN", "EINTR"), when: "2+3"},
		{call: "fstat", errors: some("EIO ENOMEM", ""), when: "2+3", costs: 1},
		{call: "pread64", errors: some("EIO ENOMEM", ""), when: "2+5", costs: 1},
		{call: "pread64", errors: some("EINTR", ""), when: "2+5"},
		{call: "sendfile", errors: some("EIO EINTR ENOMEM", ""), when: "2+5", costs: 1},
		{call: "recvmsg", errors: some("EINTR", ""), when: "1+2"},
	})
	a.tamperAll(t, func() int { return a.workers(t)[0].PID }, []failing{
		{call: "openat", errors: some("EINTR EIO EMFILE ENOMEM", ""), when: "11+7", costs: 1},
		{call: "newfstatat", errors: some("EIO ENOMEM", ""), when: "3+5", costs: 1},
		// A worker that cannot wake penknife ends, with what its two threads have.
		{call: "write", errors: some("EIO EINTR ENOBUFS", ""), when: "11+43", costs: 2},
		{call: "sendmsg", errors: some("EINTR ENOBUFS EIO", ""), when: "1+3", costs: 1},
	})
	ended := time.Now()
	a.answers(t, ended, 10, 20*time.Second)
	a.fault = ended
	a.end(t, criterion{most: map[string]int{"500": many, "502": many, "503": many, "507": many, outcomeClosed: many, outcomeCut: many},
		unblamed: true, slowest: 5 * time.Second})
}

const many = 1 << 20

// content is that of the static file.
var content = strings.Repeat("0123456789abcdef", 10_000)

// some gives all words in the long form, and those of the short one otherwise.
func some(long, short string) string {
	if *full {
		return long
	}
	return short
}

func (a *arena) tamperAll(t *testing.T, who func() int, rows []failing) {
	t.Helper()
	for _, row := range rows {
		for _, name := range strings.Fields(row.errors) {
			a.tamperOnce(t, who(), row, name)
		}
	}
}

// tamperOnce lets a call fail for a while, and judges the requests of that time.
func (a *arena) tamperOnce(t *testing.T, pid int, row failing, name string) {
	t.Helper()
	began := time.Now()
	calls := tamper(t, pid, "-e", "trace="+row.call, "-e", "inject="+row.call+":error="+name+":when="+row.when)
	quit := time.After(span(500*time.Millisecond, 1500*time.Millisecond))
	for over := false; !over; {
		select {
		case <-quit:
			over = true
		default:
			answer, err := testkit.HTTPClient(a.HTTP).Try(testkit.Call{Target: "/static/file"})
			whole := err == nil && answer.Cut == nil && answer.Status == 200
			if whole && string(answer.Body) != content || !whole && row.costs == 0 {
				t.Errorf("%s %s: a file: %d with %d bytes, %v", row.call, name, answer.Status, len(answer.Body), err)
			}
		}
	}
	failed := len(calls.stop(t))
	ended := time.Now()
	lost := map[string]int{}
	n := 0
	for _, r := range a.load.ledger.failed() {
		if r.sent.Add(r.took).After(began) {
			lost[r.way+" "+r.outcome]++
			n++
		}
	}
	t.Logf("%s %s: %d calls have failed, and %d requests: %s", row.call, name, failed, n, summary(lost))
	if failed == 0 && !*full { // the long form has calls that are rare
		t.Errorf("%s %s: no call has failed", row.call, name)
	}
	if n > failed*row.costs {
		t.Errorf("%s %s: %d calls have failed, and %d requests", row.call, name, failed, n)
	}
	a.answers(t, ended, 3, 10*time.Second)
	for _, r := range a.load.ledger.failed() {
		if r.sent.After(ended) {
			t.Errorf("%s %s: a request that was sent %v after its end: %+v", row.call, name, r.sent.Sub(ended), r)
		}
	}
}

// TestForksFail: the zygote gets no process, while a worker is killed. The others serve, and when it gets one again there are
// as many as before.
func TestForksFail(t *testing.T) {
	if !thorough(t) {
		return
	}
	a := begin(t, setup{processes: 3})
	for _, name := range []string{"EAGAIN", "ENOMEM"} {
		calls := tamper(t, a.status(t).Current.ZygotePID, "-e", "trace=clone,clone3,fork,vfork", "-e", "inject=clone,clone3,fork,vfork:error="+name)
		victim := a.workers(t)[0].PID
		a.inject(func() { _ = syscall.Kill(victim, syscall.SIGKILL) })
		a.answers(t, a.fault.Add(2*time.Second), 5, 20*time.Second)
		t.Logf("%s: %d forks have failed", name, len(calls.stop(t)))
		t.Logf("as many as before after %v", a.awaitWorkers(t, 3, victim))
	}
	a.end(t, criterion{most: map[string]int{"502": 2, outcomeCut: 2}, back: time.Second, slowest: 3 * time.Second})
}
