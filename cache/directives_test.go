package cache

import "testing"

// RFC 9111 section 5.2: names without case, arguments as tokens or quoted strings, unknown ones ignored.
func TestRFC9111_5_2_Directives(t *testing.T) {
	base := noDirectives()
	for text, want := range map[string]func(*directives){
		"":                              func(*directives) {},
		"max-age=60":                    func(d *directives) { d.maxAge = 60 },
		"MAX-AGE=60":                    func(d *directives) { d.maxAge = 60 },
		`max-age="60"`:                  func(d *directives) { d.maxAge = 60 },
		" , max-age=60 ,, ":             func(d *directives) { d.maxAge = 60 },
		"max-age=60, max-age=5":         func(d *directives) { d.maxAge = 60 }, // section 4.2.1: the first
		"max-age=-5":                    func(d *directives) { d.maxAge = 0 },
		"max-age=1.5":                   func(d *directives) { d.maxAge = 0 },
		"max-age":                       func(d *directives) { d.maxAge = 0 },
		"max-age=99999999999999999999":  func(d *directives) { d.maxAge = maxDelta }, // section 1.2.2
		"s-maxage=1, max-age=2":         func(d *directives) { d.sMaxage, d.maxAge = 1, 2 },
		"no-store, Private":             func(d *directives) { d.set |= hasNoStore | hasPrivate },
		`no-cache="set-cookie, x"`:      func(d *directives) { d.set |= hasNoCache },
		`x="no-store, private", public`: func(d *directives) { d.set |= hasPublic },
		`x="a\", no-store", public`:     func(d *directives) { d.set |= hasPublic },
		"must-revalidate,proxy-revalidate,must-understand": func(d *directives) {
			d.set |= hasMustRevalidate | hasProxyRevalidate | hasMustUnderstand
		},
		"max-stale": func(d *directives) { d.set |= hasMaxStale },
		"max-stale=10, min-fresh=3, only-if-cached":  func(d *directives) { d.set |= hasMaxStale | hasOnlyIfCached; d.maxStale, d.minFresh = 10, 3 },
		"stale-while-revalidate=7, stale-if-error=8": func(d *directives) { d.staleWhileRevalidate, d.staleIfError = 7, 8 },
		"no-storeage, xno-cache":                     func(*directives) {},
	} {
		got, expected := noDirectives(), base
		got.parse([]byte(text))
		want(&expected)
		got.set &^= hasAny
		if got != expected {
			t.Errorf("%q: %+v, want %+v", text, got, expected)
		}
	}
}

// RFC 9213 section 2.2: a targeted field that can be read counts instead of Cache-Control and Expires; one that cannot is
// ignored.
func TestRFC9213_2_2_TargetedFields(t *testing.T) {
	fields := "Cache-Control: max-age=1\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n"
	for target, want := range map[string]int64{
		"CDN-Cache-Control: max-age=60\r\n":                  60,
		"cdn-cache-control: max-age=60, must-revalidate\r\n": 60,
		"CDN-Cache-Control: max-age=\"60\"\r\n":              1,
		"CDN-Cache-Control: max-age=60s\r\n":                 1,
		"CDN-Cache-Control: MAX-AGE=60\r\n":                  1,
		"CDN-Cache-Control: \r\n":                            1,
		"":                                                   1,
	} {
		a := readAnswer([]byte(fields+target), []string{"cdn-cache-control"})
		if a.control.maxAge != want || a.targeted != (want == 60) {
			t.Errorf("%q: max-age %d, targeted %v", target, a.control.maxAge, a.targeted)
		}
	}
	if a := readAnswer([]byte(fields+"CDN-Cache-Control: max-age=60\r\n"), nil); a.control.maxAge != 1 {
		t.Error("a field that is no target counts")
	}
}
