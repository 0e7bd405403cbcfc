package sockets

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestAccess(t *testing.T) {
	for _, row := range []struct{ allow, deny, admitted, refused string }{
		{"", "", "10.0.0.1 ::1 none", ""},
		{"10.0.0.0/8", "", "10.0.0.1 ::ffff:10.0.0.1", "11.0.0.1 ::1 none"},
		{"", "10.0.0.0/8", "11.0.0.1 ::1 none", "10.0.0.1 ::ffff:10.0.0.1"},
		// nginx's way to say it: allow 10.0.0.0/8; deny all;
		{"10.0.0.0/8", "all", "10.0.0.1", "11.0.0.1 none"},
		{"all", "10.0.0.1", "11.0.0.1 ::1 none", "10.0.0.1"},
		{"10.0.0.0/8", "10.1.0.0/16", "10.0.0.1", "10.1.0.1 11.0.0.1"},
		{"10.1.0.0/16", "10.0.0.0/8", "10.1.0.1", "10.0.0.1 11.0.0.1 none"},
		{"10.1.0.0/16 10.1.2.3", "10.1.2.0/24", "10.1.2.3 10.1.3.1", "10.1.2.4"},
		{"10.0.0.1", "10.0.0.1", "", "10.0.0.1 11.0.0.1"},
		{"all", "all", "", "10.0.0.1 none"},
		{"0.0.0.0/0 ::/0", "", "10.0.0.1 ::1", "none"},
		{"0.0.0.0/0", "all", "10.0.0.1", "::1 none"},
		{"2001:db8::/32", "2001:db8:1::/48", "2001:db8::1 2001:db8::1%eth0", "2001:db8:1::1 2001:db9::1"},
	} {
		access, err := ParseAccess(strings.Fields(row.allow), strings.Fields(row.deny))
		if err != nil {
			t.Fatal(err)
		}
		check := func(list string, want bool) {
			for _, text := range strings.Fields(list) {
				ip, _ := netip.ParseAddr(text) // "none" is none
				if access.Admits(ip) != want {
					t.Errorf("allow %q, deny %q: %s admitted is %v", row.allow, row.deny, text, !want)
				}
			}
		}
		check(row.admitted, true)
		check(row.refused, false)
		if access.Empty() != (row.allow+row.deny == "") || access.Selective() != (row.allow != "") {
			t.Errorf("allow %q, deny %q: Empty or Selective is wrong", row.allow, row.deny)
		}
	}
}

func TestParseAccessRefuses(t *testing.T) {
	_, err := ParseAccess([]string{"10.0.0.1/8", "ALL"}, []string{"all", "everybody"})
	if !errors.Is(err, ErrSet) || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v", err)
	}
}
