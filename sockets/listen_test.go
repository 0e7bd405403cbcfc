package sockets

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

var keep = Permissions{UID: -1, GID: -1}

func listen(t *testing.T, text string, permissions Permissions) *Listener {
	t.Helper()
	addr, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := Listen(context.Background(), addr, permissions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// exchange proves that the listener accepts.
func exchange(t *testing.T, listener *Listener) {
	t.Helper()
	client, err := net.Dial(listener.Address().Network, listener.Address().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestListenEverywhere(t *testing.T) {
	for _, text := range []string{
		":0", "[::1]:0", "localhost:0", "unix:" + filepath.Join(t.TempDir(), "s"), "unix:@penknife-test-" + filepath.Base(t.TempDir()),
	} {
		listener := listen(t, text, keep)
		exchange(t, listener)
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		if err := listener.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	}
}

func TestUnspecifiedAddresses(t *testing.T) {
	for text, want := range map[string]map[string]bool{
		"0.0.0.0:0": {"127.0.0.1": true, "::1": false}, "[::]:0": {"127.0.0.1": true, "::1": true},
	} {
		listener := listen(t, text, keep)
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		for host, reachable := range want {
			conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if (err == nil) != reachable {
				t.Errorf("%s by %s: %v", text, host, err)
			}
			if err == nil {
				conn.Close()
			}
		}
	}
}

func TestSocketFileModeAndRemoval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for mode, want := range map[uint32]fs.FileMode{0: 0o660, 0o600: 0o600, 0o666: 0o666} {
		listener := listen(t, "unix:"+path, Permissions{Mode: mode, UID: os.Getuid(), GID: os.Getgid()})
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("mode %o: %v, %v", mode, info.Mode(), err)
		}
		listener.Close()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("file after Close: %v", err)
		}
	}
}

func TestFileIsBoundClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	config := net.ListenConfig{Control: closedToAll}
	listener, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0 {
		t.Errorf("mode right after bind: %v, %v", info.Mode(), err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	exchange(t, listen(t, "unix:"+path, keep))
}

func TestLiveSocketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listen(t, "unix:"+path, keep)
	if _, err := Listen(context.Background(), Addr{"unix", path}, keep); !errors.Is(err, ErrInUse) {
		t.Fatalf("second Listen: %v", err)
	}
	conn, err := first.Accept() // the probe
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	exchange(t, first)
}

func TestOrdinaryFileIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(context.Background(), Addr{"unix", path}, keep); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Listen on a file: %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "data" {
		t.Errorf("the file: %q, %v", content, err)
	}
}

func TestCloseKeepsTheSuccessorsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listen(t, "unix:"+path, keep)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	second := listen(t, "unix:"+path, keep)
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	exchange(t, second)
}

// TestLost: whoever removes or replaces the socket file takes the listener away from its clients; its own end does not.
func TestLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	expect := func(l *Listener, want string) {
		t.Helper()
		if got := l.Lost(); got != want {
			t.Errorf("Lost says %q, want %q", got, want)
		}
	}
	first := listen(t, "unix:"+path, keep)
	expect(first, "")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect(first, "removed")
	second := listen(t, "unix:"+path, keep)
	expect(first, "replaced")
	expect(second, "")
	for _, one := range []*Listener{first, second} {
		if err := one.Close(); err != nil {
			t.Error(err)
		}
		expect(one, "")
	}
	expect(listen(t, "127.0.0.1:0", keep), "")
	expect(listen(t, "unix:@"+path, keep), "")
}

func TestListenErrors(t *testing.T) {
	taken := listen(t, ":0", keep)
	if _, err := Listen(context.Background(), taken.Address(), keep); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port in use: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "no", "s")
	if _, err := Listen(context.Background(), Addr{"unix", missing}, keep); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestFileSharesTheSocket(t *testing.T) {
	listener := listen(t, ":0", keep)
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	again, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Addr().String() != listener.Address().Address {
		t.Errorf("%v is not %v", again.Addr(), listener.Address())
	}
}
