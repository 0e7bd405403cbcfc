package server

import (
	"strings"
	"syscall"
	"testing"

	"penknife/sockets"
)

// TestListenHint: who may not open a socket hears of the remedy for his kind of address, and not of the other one's.
func TestListenHint(t *testing.T) {
	for listen, want := range map[string][2]string{
		"127.0.0.1:80":     {"higher port", "directory"},
		"unix:/run/a.sock": {"directory", "port"},
	} {
		addr, err := sockets.Parse(listen)
		if err != nil {
			t.Fatal(err)
		}
		hint := listenHint(addr, syscall.EACCES)
		if !strings.Contains(hint, want[0]) || strings.Contains(hint, want[1]) {
			t.Errorf("%s: %q", listen, hint)
		}
	}
}
