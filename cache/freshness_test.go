package cache

import (
	"testing"
	"time"
)

// RFC 9111 section 4.2.1: s-maxage before max-age before Expires.
func TestRFC9111_4_2_1_Lifetime(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for fields, want := range map[string]time.Duration{
		"Cache-Control: s-maxage=1, max-age=2\r\nExpires: Sun, 01 Mar 2026 13:00:00 GMT\r\n": time.Second,
		"Cache-Control: max-age=2\r\nExpires: Sun, 01 Mar 2026 13:00:00 GMT\r\n":             2 * time.Second,
		"Expires: Sun, 01 Mar 2026 13:00:00 GMT\r\n":                                         time.Hour,
		"Expires: Sun, 01 Mar 2026 13:00:00 GMT\r\nDate: Sun, 01 Mar 2026 12:30:00 GMT\r\n":  30 * time.Minute,
		"Expires: Sunday, 01-Mar-26 13:00:00 GMT\r\n":                                        time.Hour,
		"Expires: Sun Mar  1 13:00:00 2026\r\n":                                              time.Hour,
		"Expires: 0\r\n":                                                                     0,
		"Expires: Sun, 01 Mar 2026 11:00:00 GMT\r\n":                                         0,
		"Expires: -1\r\nExpires: Sun, 01 Mar 2026 13:00:00 GMT\r\n":                          0,
	} {
		a := readAnswer([]byte(fields), nil)
		if got, given := a.explicitLifetime(at); got != want || !given {
			t.Errorf("%q: %v, %v; want %v", fields, got, given, want)
		}
	}
}

// RFC 9111 section 4.2.2: a part of the time since Last-Modified, for statuses that permit it.
func TestRFC9111_4_2_2_Heuristic(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := readAnswer([]byte("Last-Modified: Sun, 01 Mar 2026 02:00:00 GMT\r\n"), nil)
	if got := a.heuristicLifetime(200, 10, at); got != time.Hour {
		t.Errorf("a tenth of 10 h: %v", got)
	}
	if got := a.heuristicLifetime(302, 10, at) + a.heuristicLifetime(200, 0, at); got != 0 {
		t.Errorf("302, and no percentage: %v", got)
	}
	old := readAnswer([]byte("Last-Modified: Sun, 01 Mar 1998 02:00:00 GMT\r\n"), nil)
	if got := old.heuristicLifetime(200, 10, at); got != day {
		t.Errorf("the bound: %v", got)
	}
}

// RFC 9111 section 4.2.3, and section 5.1 on what is not an age.
func TestRFC9111_4_2_3_Age(t *testing.T) {
	asked := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	received := asked.Add(2 * time.Second)
	for fields, want := range map[string]time.Duration{
		"":                        2 * time.Second,
		"Age: 10\r\n":             12 * time.Second,
		"Age: 10, 500\r\n":        12 * time.Second,
		"Age: 10\r\nAge: 500\r\n": 12 * time.Second,
		"Age: abc\r\n":            2 * time.Second,
		"Age: -10\r\n":            2 * time.Second,
		"Date: Sun, 01 Mar 2026 11:59:00 GMT\r\n":             62 * time.Second,
		"Date: Sun, 01 Mar 2026 11:59:00 GMT\r\nAge: 100\r\n": 102 * time.Second,
		"Date: Sun, 01 Mar 2026 13:00:00 GMT\r\n":             2 * time.Second,
	} {
		a := readAnswer([]byte(fields), nil)
		if got := a.initialAge(asked, received); got != want {
			t.Errorf("%q: %v, want %v", fields, got, want)
		}
	}
	e := entry{received: received.UnixNano(), initialAge: 5 * time.Second}
	if got := e.age(received.Add(time.Minute)); got != 65*time.Second {
		t.Errorf("a minute later: %v", got)
	}
	if got := e.age(received.Add(-time.Minute)); got != 5*time.Second {
		t.Errorf("a clock that goes back: %v", got)
	}
}

// RFC 9111 section 5.2.1, 4.2.4 and RFC 5861: an answer that is fresh for 60 s, at the age in front.
func TestRFC9111_5_2_1_RequestDirectives(t *testing.T) {
	for _, test := range []struct {
		age     time.Duration
		control string
		entry   entry
		want    usability
	}{
		{30 * time.Second, "", entry{}, usableFresh},
		{60 * time.Second, "", entry{}, usableNever},
		{30 * time.Second, "no-cache", entry{}, usableNever},
		{30 * time.Second, "max-age=29", entry{}, usableNever},
		{30 * time.Second, "max-age=30", entry{}, usableFresh},
		{30 * time.Second, "max-age=0", entry{}, usableNever},
		{30 * time.Second, "min-fresh=30", entry{}, usableFresh},
		{30 * time.Second, "min-fresh=31", entry{}, usableNever},
		{90 * time.Second, "max-stale", entry{}, usableAsIs},
		{90 * time.Second, "max-stale=30", entry{}, usableAsIs},
		{90 * time.Second, "max-stale=29", entry{}, usableNever},
		{90 * time.Second, "max-stale", entry{flags: entryMustRevalidate}, usableNever},
		{30 * time.Second, "", entry{flags: entryMustRevalidate}, usableFresh},
		{30 * time.Second, "", entry{flags: entryNoCache}, usableNever},
		{30 * time.Second, "max-stale", entry{flags: entryNoCache}, usableNever},
		{80 * time.Second, "", entry{swr: 21 * time.Second}, usableInBetween},
		{81 * time.Second, "", entry{swr: 21 * time.Second}, usableNever},
		{80 * time.Second, "no-cache", entry{swr: 21 * time.Second}, usableNever},
		{80 * time.Second, "", entry{swr: 21 * time.Second, flags: entryMustRevalidate}, usableNever},
	} {
		e := test.entry
		e.lifetime = time.Minute
		a := asked{control: noDirectives()}
		a.control.parse([]byte(test.control))
		if got := e.usableFor(&a, test.age, true); got != test.want {
			t.Errorf("age %v, %q, %+v: %d, want %d", test.age, test.control, test.entry, got, test.want)
		}
		if got := e.usableFor(&a, 30*time.Second, false); !e.has(entryNoCache) && got != usableFresh {
			t.Errorf("%q counts although it shall not", test.control)
		}
	}
	pragma := asked{control: noDirectives(), pragma: true}
	if e := (entry{lifetime: time.Minute}); e.usableFor(&pragma, 0, true) != usableNever {
		t.Error("Pragma: no-cache without Cache-Control does not count")
	}
	pragma.control.parse([]byte("max-age=10"))
	if e := (entry{lifetime: time.Minute}); e.usableFor(&pragma, 0, true) != usableFresh {
		t.Error("Pragma counts beside Cache-Control")
	}
}
