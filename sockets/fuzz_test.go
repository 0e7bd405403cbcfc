package sockets

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// FuzzParse: an address is refused by name, or writes itself so that it is read as the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{":80", "127.0.0.1:0", "[::1]:443", "localhost:65535", "unix:/run/x", "unix:@x", "unix:a\x00b", "systemd:web", "systemd:a:b", "fd:3", "fd:2",
		"fd:99999999999999999999", "a:b:c", ":", "", "[::1", "::1:80", "*:80", "a b:80", ":65536", ":-1", ":+1", "%:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrAddress) || addr != (Addr{}) {
				t.Fatalf("%q: %+v, %v", text, addr, err)
			}
			return
		}
		again, err := Parse(addr.String())
		if err != nil || again != addr {
			t.Fatalf("%q is %+v, and then %+v, %v", text, addr, again, err)
		}
		if strings.ContainsRune(addr.Address, 0) {
			t.Fatalf("%q keeps a NUL", text)
		}
		if addr.Network == networkTCP {
			if _, _, err := net.SplitHostPort(addr.Address); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		addr.IsLoopback()
		addr.family()
	})
}

// FuzzSet: a set holds exactly what net's own reading of the same text holds.
func FuzzSet(f *testing.F) {
	f.Add("10.0.0.0/8", "10.1.2.3")
	f.Add("::ffff:10.0.0.1", "10.0.0.1")
	f.Add("2001:db8::/32", "2001:db8::1%eth0")
	f.Add("0.0.0.0/0", "::1")
	f.Add("::ffff:10.0.0.0/104", "10.0.0.1")
	f.Add("10.0.0.1/8", "10.0.0.1")
	f.Fuzz(func(t *testing.T, text, address string) {
		set, err := ParseSet([]string{text})
		if err != nil {
			if !errors.Is(err, ErrSet) || !set.Empty() {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		ip, err := netip.ParseAddr(address)
		if err != nil {
			return
		}
		plain := net.ParseIP(ip.WithZone("").String())
		want := false
		if _, network, err := net.ParseCIDR(text); err == nil {
			want = network.Contains(plain) && (plain.To4() != nil) == (network.IP.To4() != nil)
		} else if single := net.ParseIP(text); single != nil {
			want = single.Equal(plain)
		} else {
			t.Fatalf("%q is taken, and net does not know it", text)
		}
		if got := set.Contains(ip); got != want {
			t.Errorf("%q holds %q: %v, net: %v", text, address, got, want)
		}
	})
}
