package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"penknife/configs"
)

var (
	office   = netip.MustParseAddr("10.0.0.1")
	stranger = netip.MustParseAddr("203.0.113.9")
	nobody   = netip.Addr{} // a unix peer, or REMOTE_ADDR that is none
)

func mustRules(t testing.TB, sections ...configs.Access) *ruleSet {
	t.Helper()
	rules, err := newRuleSet(sections)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func allow(path string, who ...string) configs.Access { return configs.Access{Path: path, Allow: who} }

// TestLongestPathCounts: exceptions of both kinds, at slashes only.
func TestLongestPathCounts(t *testing.T) {
	rules := mustRules(t, allow("/admin/", "10.0.0.0/8"), allow("/admin/open", "all"), configs.Access{Path: "/hidden", Deny: []string{"all"}},
		configs.Access{Path: "/bad", Deny: []string{"203.0.113.0/24"}})
	for path, want := range map[string]string{ // the rule that refuses the stranger
		"/": "", "/a": "", "/admin": "/admin/", "/admin/": "/admin/", "/admin/x": "/admin/", "/administrator": "", "/admin-x": "",
		"/admin/open": "", "/admin/open/x": "", "/admin/opener": "/admin/", "/x/admin/": "", "/hidden": "/hidden", "/bad/x": "/bad", "": "",
	} {
		got := ""
		if by := rules.refusal([]byte(path), stranger); by != nil {
			got = by.name
		}
		if got != want {
			t.Errorf("%q: refused by %q, want %q", path, got, want)
		}
	}
	for path, refused := range map[string]bool{"/admin/x": false, "/hidden/x": true, "/bad": false} {
		if (rules.refusal([]byte(path), office) != nil) != refused {
			t.Errorf("%q: the office is refused: %v", path, !refused)
		}
	}
	for path, refused := range map[string]bool{"/admin/x": true, "/admin/open": false, "/hidden": true, "/bad": false} {
		if (rules.refusal([]byte(path), nobody) != nil) != refused {
			t.Errorf("%q: one without an address is refused: %v", path, !refused)
		}
	}
}

// TestNobodyPassesByWritingOtherwise: each of these is /admin/… for some software.
func TestNobodyPassesByWritingOtherwise(t *testing.T) {
	rules := mustRules(t, allow("/Admin/", "10.0.0.0/8"), allow("/open", "all"))
	for _, path := range []string{
		"/Admin", "/Admin/", "/Admin/x", "/admin/x", "/ADMIN/x", "/aDMIN",
		"//Admin/x", "///Admin", "/Admin//x", "Admin/x", "admin", "/./Admin/", "/./././admin", "/x/../Admin/x", "/../Admin", "/../../Admin/x",
		"/.//Admin", "/Admin/.", "/Admin/./x", "/Admin/..;/x", "/x/..;/Admin/x", "/x/..;a=b/Admin", "/;/Admin/x", "/.;/Admin", "/Admin;x", "/Admin;a=b/x",
		"/Ad\\..\\Admin", "\\Admin\\x", "/\\Admin", "/x\\..\\Admin", "/Admin\\x", "/open/../Admin", "/open/..//Admin/x", "/open/../admin;x/y",
		"//Admin/../x",    // to software that joins slashes and leaves dots
		"/Admin/../open",  // to software that leaves dots
		"/admin/%2e%2e/x", // decoded once already: a file of that name
	} {
		if rules.refusal([]byte(path), stranger) == nil {
			t.Errorf("%q passes", path)
		}
		if rules.refusal([]byte(path), office) != nil {
			t.Errorf("%q: the office is refused", path)
		}
	}
	for _, path := range []string{"/", "/open", "/open/Admin", "/open/x/../y", "//open", "/xAdmin", "/x/Admin", "/Administrator", "/.well-known/x", "/a;b", "/x..y"} {
		if by := rules.refusal([]byte(path), stranger); by != nil {
			t.Errorf("%q is refused", path)
		}
	}
}

// TestExceptionsOpenNothingElse: a path is not open because it can be read as one that is.
func TestExceptionsOpenNothingElse(t *testing.T) {
	rules := mustRules(t, allow("/", "10.0.0.0/8"), allow("/Open/", "all"))
	for path, refused := range map[string]bool{
		"/Open/x": false, "/Open": false, "/Open//x": false, "/Open/./x": false,
		"/open/x":    true, // may be another path
		"/Open/../x": true, "/x/../Open/y": true, "//Open/x": true, "/Open;x/y": true, "": true, "*": true, "x": true,
	} {
		if (rules.refusal([]byte(path), stranger) != nil) != refused {
			t.Errorf("%q is refused: %v", path, !refused)
		}
	}
}

func TestReadings(t *testing.T) {
	for path, want := range map[string][]string{
		"":               {"", "/", "/", "/", "/"},
		"a//b":           {"a//b", "/a/b", "/a/b", "/a/b", "/a/b"},
		"/a/./b/../c":    {"/a/./b/../c", "/a/./b/../c", "/a/./b/../c", "/a/c", "/a/c"},
		"/a/..;x/b/.":    {"/a/..;x/b/.", "/a/..;x/b/.", "/a/../b/.", "/a/..;x/b/", "/b/"},
		"/a/..":          {"/a/..", "/a/..", "/a/..", "/", "/"},
		"/..":            {"/..", "/..", "/..", "/", "/"},
		"/a/b/../":       {"/a/b/../", "/a/b/../", "/a/b/../", "/a/", "/a/"},
		"/;a/;b/c":       {"/;a/;b/c", "/;a/;b/c", "/c", "/;a/;b/c", "/c"},
		"\\a\\..\\b\\/c": {"\\a\\..\\b\\/c", "/a/../b/c", "/a/../b/c", "/b/c", "/b/c"},
	} {
		if got := readings(path); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// TestEveryPathThatIsPlainHasOneReading: the short way misses nothing.
func TestEveryPathThatIsPlainHasOneReading(t *testing.T) {
	const letters = "/a.;\\"
	for n := range 5 * 5 * 5 * 5 * 5 * 5 {
		var b strings.Builder
		for rest := n; rest > 0; rest /= len(letters) {
			b.WriteByte(letters[rest%len(letters)])
		}
		path := b.String()
		if !isPlain([]byte(path)) {
			continue
		}
		for _, reading := range readings(path) {
			if reading != path {
				t.Fatalf("%q is plain, and is read as %q", path, reading)
			}
		}
	}
}

func TestRulesThatDoNotParse(t *testing.T) {
	if _, err := newRuleSet([]configs.Access{allow("/", "all"), allow("/a", "nonsense")}); err == nil || !strings.Contains(err.Error(), "access[1]") {
		t.Errorf("%v", err)
	}
	if rules, err := newRuleSet(nil); rules != nil || err != nil {
		t.Errorf("%v, %v", rules, err)
	}
}

// FuzzRefusal: whoever walks a path in any usual way into /admin is refused, whatever he wrote.
func FuzzRefusal(f *testing.F) {
	for _, path := range []string{"/admin", "//admin/..;/x", "/x/../ADMIN", "\\admin", "/admin;x/../y"} {
		f.Add(path)
	}
	rules := mustRules(f, allow("/admin", "10.0.0.0/8"), allow("/admin/open", "all"), allow("/open", "all"))
	f.Fuzz(func(t *testing.T, path string) {
		refused := rules.refusal([]byte(path), stranger) != nil
		if rules.refusal([]byte(path), office) != nil {
			t.Fatalf("%q: the office is refused", path)
		}
		for how, walked := range walks(path) {
			inside := len(walked) > 0 && strings.EqualFold(walked[0], "admin") && isASCII(walked[0]) && !(len(walked) > 1 && walked[1] == "open")
			if inside && !refused {
				t.Fatalf("%q passes, and walks (%s) %q", path, how, walked)
			}
		}
	})
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) }

// walks gives where a path leads when its segments are walked one by one, as software does that drops empty ones, and
// with or without the rest of what some drop. It is written differently from what it tests.
func walks(path string) map[string][]string {
	all := map[string][]string{}
	for mask := range 8 {
		backslash, parameters, dots := mask&1 != 0, mask&2 != 0, mask&4 != 0
		isSlash := func(r rune) bool { return r == '/' || backslash && r == '\\' }
		if !backslash && strings.Contains(path, "\\") {
			continue // a backslash in a name
		}
		var at []string
		for _, segment := range strings.FieldsFunc(path, isSlash) {
			if i := strings.IndexByte(segment, ';'); parameters && i >= 0 {
				segment = segment[:i]
			}
			switch {
			case segment == "" || dots && segment == ".":
			case dots && segment == "..":
				at = at[:max(0, len(at)-1)]
			default:
				at = append(at, segment)
			}
		}
		all[fmt.Sprint(backslash, parameters, dots)] = at
	}
	return all
}
