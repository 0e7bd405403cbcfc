package appcalls

import (
	"net"
	"strconv"
)

// AcceptOutside takes charge of a channel of a process that is no worker, and serves it in a goroutine of its own. Whether
// the process may call was decided before. pid is what the kernel says of it, 0 if it cannot be seen from here; all
// channels of one process count together, and what it has for itself ends with the last of them.
func (s *Service) AcceptOutside(conn *net.UnixConn, pid int) {
	s.mu.Lock()
	c := s.outside[pid]
	if c == nil || pid == 0 {
		c = &Caller{service: s, outside: true, pid: pid, process: "outside, pid " + strconv.Itoa(pid)}
	}
	v, parted := c.enter(conn), s.parted
	if v == served && pid != 0 {
		s.outside[pid] = c
	}
	s.mu.Unlock()
	if parted {
		_ = conn.CloseRead()
	}
	c.serve(conn, v)
}

// forgetOutside ends the life of a process outside, whose last channel has ended. The lock is held.
func (s *Service) forgetOutside(c *Caller) {
	if !c.outside {
		return
	}
	c.left = true
	if s.outside[c.pid] == c {
		delete(s.outside, c.pid)
	}
}

// Part sends the processes outside away, for a successor that answers them from now on: what they have asked is answered,
// and the next call finds its channel closed for writing, so that it can be repeated on another one. It does not wait.
func (s *Service) Part() {
	s.mu.Lock()
	s.parted = true
	var open []*net.UnixConn
	for c := range s.callers {
		if c.outside {
			open = append(open, c.takeAll()...)
		}
	}
	s.mu.Unlock()
	for _, conn := range open {
		_ = conn.CloseRead() // what is in it can still be read (unix(7), shutdown(2))
	}
}
