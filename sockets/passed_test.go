package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// passOn gives a descriptor of its own for a listener, as another process would get it.
func passOn(t *testing.T, listener interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func take(t *testing.T, p *Passed, text string) *Listener {
	t.Helper()
	addr, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := p.Take(addr)
	if err != nil {
		t.Fatal(err)
	}
	if listener != nil {
		t.Cleanup(func() { _ = listener.Close() })
	}
	return listener
}

func TestPassed_ASocketGoesFromHandToHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, text := range []string{"127.0.0.1:0", "unix:" + path, "unix:@penknife-passed-" + filepath.Base(t.TempDir())} {
		first := listen(t, text, keep)
		var p Passed
		p.AddHanded(passOn(t, first), first.Handle())
		if take(t, &p, "127.0.0.1:1") != nil {
			t.Errorf("%s: given for another address", text)
		}
		second := take(t, &p, text)
		if second == nil || second.Address() != first.Address() || second.Told() != first.Told() {
			t.Fatalf("%s became %v", text, second)
		}
		if take(t, &p, text) != nil {
			t.Errorf("%s: given twice", text)
		}
		first.Disown()
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		exchange(t, second)
		if err := second.Inherit(); err != nil {
			t.Error(err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the second owner does not remove the file: %v", err)
	}
}

// A file that took the place of ours is not ours.
func TestPassed_OnlyTheFileThatWasHandedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listen(t, "unix:"+path, keep)
	handle := first.Handle()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var p Passed
	p.AddHanded(passOn(t, first), handle)
	second := take(t, &p, "unix:"+path)
	if err := second.Inherit(); err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// Until it says Inherit, a successor that closes its sockets takes nothing from the one before.
func TestPassed_WhoIsNotHeirRemovesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listen(t, "unix:"+path, keep)
	var p Passed
	p.AddHanded(passOn(t, first), first.Handle())
	if err := take(t, &p, "unix:"+path).Close(); err != nil {
		t.Error(err)
	}
	exchange(t, first)
}

func TestPassed_SocketsOfSystemd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	tcp, local := listen(t, "127.0.0.1:0", keep), listen(t, "unix:"+path, keep)
	var p Passed
	named := func(l *Listener, name string) *os.File {
		fd, err := unix.Dup(numberOf(passOn(t, l)))
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fd), name)
	}
	p.AddActivated([]*os.File{named(tcp, "web"), named(local, "app"), named(tcp, "more")})
	byName, byAddress := take(t, &p, "systemd:web"), take(t, &p, "unix:"+path)
	if byName == nil || byName.Address() != tcp.Address() || byAddress == nil {
		t.Fatalf("%v, %v", byName, byAddress)
	}
	exchange(t, byName)
	_ = byAddress.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's socket file is removed: %v", err)
	}
	if take(t, &p, "systemd:web") != nil {
		t.Error("a name is given twice")
	}
	rest, failures := p.Rest()
	if len(rest) != 1 || len(failures) != 0 || rest[0].Address() != tcp.Address() {
		t.Errorf("%v, %v", rest, failures)
	}
	for _, one := range rest {
		_ = one.Close()
	}
	if again, _ := p.Rest(); len(again) != 0 {
		t.Error("the rest is given twice")
	}
}

func TestPassed_WhatIsNoListeningSocket(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	var p Passed
	p.AddActivated([]*os.File{r})
	if _, err := p.Take(Addr{Network: networkSystemd, Address: "|0"}); !errors.Is(err, ErrNotListening) {
		t.Error(err)
	}
	for _, text := range []string{"systemd:nobody", "fd:900"} {
		addr, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if text == "systemd:nobody" {
			if _, err := Listen(context.Background(), addr, keep); !errors.Is(err, ErrNotPassed) {
				t.Error(err)
			}
		} else if _, err := p.Take(addr); !errors.Is(err, ErrNotListening) {
			t.Error(err)
		}
	}
}

// A predecessor has numbered the descriptors anew, so that a number in the configuration means none of them.
func TestPassed_NumbersMeanNothingToASuccessor(t *testing.T) {
	first := listen(t, "127.0.0.1:0", keep)
	var p Passed
	p.AddHanded(passOn(t, first), first.Handle())
	defer p.Close()
	if take(t, &p, fmt.Sprintf("fd:%d", numberOf(p.list[0].file))) != nil {
		t.Error("taken by its number")
	}
}

// TestPassed_StaysNonBlocking: all holders of a socket share that flag, and the accept loop of the one before must not
// begin to block.
func TestPassed_StaysNonBlocking(t *testing.T) {
	first := listen(t, "127.0.0.1:0", keep)
	var p Passed
	file := passOn(t, first)
	fd, err := unix.Dup(numberOf(file))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	p.AddHanded(file, first.Handle())
	if _, err := p.list[0].file.Stat(); err != nil {
		t.Fatal(err)
	}
	if p.list[0].fits(Addr{Network: networkTCP, Address: "127.0.0.1:1"}) {
		t.Error("it fits anything")
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %o, %v", flags, err)
	}
}

func TestAddr_SameAddressWrittenInTwoWays(t *testing.T) {
	a, _ := Parse("[::1]:80")
	b := Addr{Network: networkTCP, Address: net.JoinHostPort(strings.Repeat("0:", 7)+"1", "80")}
	if !a.same(b) || a.same(Addr{Network: networkTCP, Address: "[::1]:81"}) {
		t.Error("compared by their text")
	}
}
