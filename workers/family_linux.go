package workers

import (
	"bytes"
	"maps"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// orphanGrace is how long a zombie that is unknown here is left alone: another part of this process may be about to
// wait for it.
const orphanGrace = time.Second

// family knows the processes that somebody waits for by pidfd, and reaps the strays: what the application has
// started and left behind comes to this process, the subreaper, and would stay a zombie for ever.
type family struct {
	stop chan struct{}
	done chan struct{}

	mu       sync.Mutex
	known    map[int]bool
	followed map[int]func(by syscall.Signal) // who wants to know of stops
	sessions map[int]bool                    // of the zygotes: every process of the application is in one, unless it left
}

func newFamily() *family {
	return &family{
		stop: make(chan struct{}), done: make(chan struct{}), known: map[int]bool{},
		followed: map[int]func(syscall.Signal){}, sessions: map[int]bool{},
	}
}

// start makes this process the subreaper of its descendants, for good, and begins to reap strays.
func (f *family) start() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	go f.reap() // ended by shutdown
	return nil
}

// shutdown kills and reaps what is left of our sessions, ends the reaper, and waits for both.
func (f *family) shutdown() {
	f.mu.Lock()
	ours := maps.Clone(f.sessions)
	f.mu.Unlock()
	f.endSessions(ours)
	close(f.stop)
	<-f.done
}

// endSessions kills and reaps what is left of sessions whose zygotes have gone, and forgets them.
func (f *family) endSessions(sessions map[int]bool) {
	for range 3 { // a killed process hands its children to us
		if !f.killStrays(sessions) {
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for session := range sessions {
		delete(f.sessions, session)
	}
}

// killStrays ends the children of this process that belong to one of the sessions and that nobody waits for, and
// tells whether there were any.
func (f *family) killStrays(sessions map[int]bool) bool {
	found := false
	all, _ := children() // what cannot be looked at now, the reaper's last sweep may still find
	for _, c := range all {
		f.mu.Lock()
		ours := sessions[c.session] && !f.known[c.pid]
		f.mu.Unlock()
		if !ours {
			continue
		}
		found = true
		p, err := adoptProcess(f, c.pid)
		if err != nil {
			continue
		}
		_ = p.signal(unix.SIGKILL)
		_ = p.pidfd.SetReadDeadline(time.Now().Add(killWait))
		p.reap()
	}
	return found
}

func (f *family) add(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[pid] = true
}

func (f *family) addSession(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions[pid] = true
}

func (f *family) remove(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.known, pid)
	delete(f.followed, pid)
}

// reap sleeps until a child ends or is stopped, and then sweeps until no stray is left.
func (f *family) reap() {
	defer close(f.done)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	var later <-chan time.Time
	seen := map[int]bool{}
	for {
		select {
		case <-ended:
			f.heedAll()
			if later == nil {
				later = time.After(orphanGrace)
			}
		case <-later:
			later = nil
			if seen = f.sweep(seen); len(seen) > 0 {
				later = time.After(orphanGrace)
			}
		case <-f.stop:
			f.sweep(nil)
			return
		}
	}
}

// sweep reaps strays and answers the zombies that it left for the next time. Those that the last sweep has seen have
// had their grace.
func (f *family) sweep(seen map[int]bool) map[int]bool {
	var first childInfo
	if waitid(unix.P_ALL, 0, &first, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG) != nil || first.Signo == 0 {
		return nil // the usual case: whoever knew the child has waited for it
	}
	all, err := children()
	if err != nil {
		return map[int]bool{int(first.pid): true} // no descriptor is left; look again later
	}
	left := map[int]bool{}
	for _, z := range all {
		if !z.zombie {
			continue
		}
		switch f.judge(z, seen[z.pid]) {
		case leaveZombie:
		case lookAgain:
			left[z.pid] = true
		case reapZombie:
			var info childInfo
			_ = waitid(unix.P_PID, z.pid, &info, unix.WEXITED|unix.WNOHANG)
		}
	}
	return left
}

// verdict on a zombie.
type verdict uint8

const (
	leaveZombie verdict = iota + 1
	lookAgain
	reapZombie
)

// judge decides whose a zombie is. One of our sessions that does not lead its group is a stray for certain; a leader
// may be a worker whose pid is still on its way to us, and one of another session may be anybody's.
func (f *family) judge(z relative, hadGrace bool) verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.known[z.pid]:
		return leaveZombie
	case f.sessions[z.session] && z.group != z.pid, hadGrace:
		return reapZombie
	}
	return lookAgain
}

// relative is a child of this process, as /proc tells it.
type relative struct {
	pid, group, session int
	zombie              bool // has ended and was not waited for
}

// children looks through /proc.
func children() ([]relative, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	var found []relative
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		if c, parent, ok := parseStat(pid, stat); ok && parent == os.Getpid() {
			found = append(found, c)
		}
	}
	return found, nil
}

// parseStat takes the fields of /proc/PID/stat that matter. The command's name is in parentheses and may contain
// some.
func parseStat(pid int, stat []byte) (c relative, parent int, ok bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 4 {
		return c, 0, false
	}
	c.pid, c.zombie = pid, string(fields[0]) == "Z"
	for i, target := range []*int{&parent, &c.group, &c.session} {
		n, err := strconv.Atoi(string(fields[i+1]))
		if err != nil {
			return c, 0, false
		}
		*target = n
	}
	return c, parent, true
}
