package sockets

import (
	"errors"
	"net/netip"
	"os/user"
	"testing"
)

func TestSetContains(t *testing.T) {
	set, err := ParseSet([]string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.1"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"10.255.0.1": true, "11.0.0.1": false, "192.0.2.7": true, "192.0.2.8": false, "2001:db8::1": true,
		"2001:db9::1": false, "::ffff:10.1.1.1": true, "198.51.100.1": true, "2001:db8::1%eth0": true,
	} {
		if got := set.Contains(netip.MustParseAddr(text)); got != want {
			t.Errorf("Contains(%s) = %v", text, got)
		}
	}
	if set.Contains(netip.Addr{}) || (Set{}).Contains(netip.MustParseAddr("10.0.0.1")) {
		t.Error("no address, or an empty set, matches")
	}
	if set.Empty() || !(Set{}).Empty() {
		t.Error("Empty is wrong")
	}
}

func TestParseSetRefuses(t *testing.T) {
	for _, text := range []string{"", "host", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "fe80::1%eth0", "::ffff:10.0.0.0/104"} {
		if _, err := ParseSet([]string{"10.0.0.0/8", text}); !errors.Is(err, ErrSet) {
			t.Errorf("ParseSet(%q): %v", text, err)
		}
	}
}

func TestLookupOwner(t *testing.T) {
	if uid, gid, err := LookupOwner("", ""); uid != -1 || gid != -1 || err != nil {
		t.Errorf("empty: %d, %d, %v", uid, gid, err)
	}
	if uid, gid, err := LookupOwner("12", "34"); uid != 12 || gid != 34 || err != nil {
		t.Errorf("numbers: %d, %d, %v", uid, gid, err)
	}
	if uid, gid, err := LookupOwner("root", "root"); uid != 0 || gid != 0 || err != nil {
		t.Errorf("names: %d, %d, %v", uid, gid, err)
	}
	var unknownUser user.UnknownUserError
	if _, _, err := LookupOwner("no such user", ""); !errors.As(err, &unknownUser) {
		t.Errorf("unknown user: %v", err)
	}
	var unknownGroup user.UnknownGroupError
	if _, _, err := LookupOwner("", "no such group"); !errors.As(err, &unknownGroup) {
		t.Errorf("unknown group: %v", err)
	}
}
