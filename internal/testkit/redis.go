package testkit

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Redis is Debian's redis-server on a port of the loopback. It keeps nothing on disk.
type Redis struct {
	*Process
	Address string // HOST:PORT
	Dir     string

	port      int
	arguments []string
}

// StartRedis starts redis-server and waits until it accepts connections; arguments are further ones, such as
// "--requirepass", "secret".
func StartRedis(t testing.TB, arguments ...string) *Redis {
	t.Helper()
	r := &Redis{port: FreePort(t), Dir: Dir(t), arguments: arguments}
	r.Address = "127.0.0.1:" + strconv.Itoa(r.port)
	r.Start(t)
	return r
}

// URL gives redis://HOST:PORT.
func (r *Redis) URL() string { return "redis://" + r.Address }

// Start starts it again on the same port, after Kill.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	arguments := append([]string{
		"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--save", "", "--dir", r.Dir, "--daemonize", "no",
	}, r.arguments...)
	r.Process = Start(t, r.Dir, nil, Command(t, "redis-server"), arguments...)
	r.AwaitAccept(t, r.Address)
}

// Kill ends it with SIGKILL and waits until it is gone.
func (r *Redis) Kill(t testing.TB) {
	t.Helper()
	r.Signal(t, syscall.SIGKILL)
	r.Wait(t, stopTimeout)
}

// CLI runs one command by redis-cli and gives what it prints, without the line break.
func (r *Redis) CLI(t testing.TB, arguments ...string) string {
	t.Helper()
	p := Start(t, r.Dir, nil, Command(t, "redis-cli"), append([]string{"-p", strconv.Itoa(r.port), "--no-auth-warning"}, arguments...)...)
	if code := p.Wait(t, stopTimeout); code != 0 {
		t.Fatalf("redis-cli %s: exit %d\n%s", strings.Join(arguments, " "), code, p.Output())
	}
	return strings.TrimRight(p.Output(), "\n")
}
