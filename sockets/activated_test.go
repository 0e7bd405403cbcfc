package sockets

import (
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func passedBy(pid, count, names string) func(string) string {
	values := map[string]string{"LISTEN_PID": pid, "LISTEN_FDS": count, "LISTEN_FDNAMES": names}
	return func(name string) string { return values[name] }
}

func TestActivation(t *testing.T) {
	for _, test := range []struct {
		pid, count, names string
		want              []string
		fails             bool
	}{
		{"7", "2", "web:app", []string{"web", "app"}, false},
		{"7", "2", "", []string{"LISTEN_FD_3", "LISTEN_FD_4"}, false},
		{"7", "2", ":app", []string{"LISTEN_FD_3", "app"}, false},
		{"7", "0", "", nil, false},
		{"7", "", "web", nil, false},
		{"8", "-1", "", nil, false},
		{"", "1", "", nil, false},
		{"x", "1", "", nil, false},
		{"7", "-1", "", nil, true},
		{"7", "two", "", nil, true},
		{"7", "9223372036854775807", "", nil, true},
		{"7", "99999999999999999999", "", nil, true},
		{"7", "4097", "", nil, true},
		{"7", "2", "web", nil, true},
		{"7", "1", "web:app", nil, true},
	} {
		got, err := activation(passedBy(test.pid, test.count, test.names), 7)
		if !slices.Equal(got, test.want) || errors.Is(err, ErrActivation) != test.fails || !test.fails && err != nil {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}

// TestActivated_NotOpen: a number of sockets that the process does not have is no reason to begin with half of them.
func TestActivated_NotOpen(t *testing.T) {
	files, err := Activated(passedBy(strconv.Itoa(os.Getpid()), strconv.Itoa(maxPassed), ""), os.Getpid())
	if !errors.Is(err, ErrActivation) || files != nil {
		t.Errorf("%v, %v", files, err)
	}
}

// FuzzActivation: whatever stands in the variables, each socket has a name, or there is an error; and what is meant for another
// process is not looked at.
func FuzzActivation(f *testing.F) {
	f.Add("7", "2", "web:app")
	f.Add("7", "-1", "")
	f.Add("7", strconv.Itoa(math.MaxInt), ":")
	f.Add("7", "+3", "a::b")
	f.Add("07", "0x2", "")
	f.Fuzz(func(t *testing.T, pid, count, list string) {
		names, err := activation(passedBy(pid, count, list), 7)
		if err != nil {
			if !errors.Is(err, ErrActivation) || names != nil {
				t.Fatalf("%q, %v", names, err)
			}
			return
		}
		if slices.Contains(names, "") {
			t.Fatalf("%q, %q: one of %q has no name", count, list, names)
		}
		if n, _ := strconv.Atoi(count); len(names) > 0 && (len(names) != n || list != "" && strings.Count(list, ":") != n-1) {
			t.Fatalf("%q, %q: %q", count, list, names)
		}
		if meant, _ := strconv.Atoi(pid); meant != 7 && len(names) > 0 {
			t.Fatalf("what is for %q is taken", pid)
		}
	})
}
