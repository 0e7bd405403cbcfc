package cache

import (
	"testing"

	"penknife/configs"
)

// What the application reads as another parameter never gets the answer for one without it, however it is written.
func TestQuery_NoParameterIsHidden(t *testing.T) {
	only := func(r *configs.CacheRule) { r.KeyQuery = []string{"q"} }
	without := func(r *configs.CacheRule) { r.IgnoreQuery = []string{"utm_*"} }
	for _, test := range []struct {
		name        string
		change      func(*configs.CacheRule)
		first, then string
		apart       bool // they have different answers
	}{
		{"an escaped letter", only, "/?%71=evil", "/", true},
		{"all escaped", only, "/?%71%3d=evil", "/", false}, // its name is "q="
		{"in small and capital digits", without, "/?utm%5fsource=1", "/?utm%5Fsource=2", false},
		{"a semicolon", only, "/?z=1;q=evil", "/", true},
		{"a semicolon behind what is ignored", without, "/?utm_x=1;q=evil", "/?utm_x=1", true},
		{"an escaped semicolon is none", without, "/?utm_x=1%3bq=2", "/", false},
		{"a plus is a blank", only, "/?+q=1", "/", false},
		{"a percent sign that is none", only, "/?%7=1&%=2&%7", "/", false},
		{"named twice", only, "/?q=1&q=2", "/?q=2&q=1", true},
		{"others", only, "/?a=1&q=1", "/?q=1&b=2", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, withTTL(test.change), echo("QUERY_STRING", ""))
			first, then := b.do(t, "GET "+test.first), b.do(t, "GET "+test.then)
			if apart := first.body != then.body; apart != test.apart {
				t.Errorf("%q gets %q after %q", test.then, then.body, test.first)
			}
		})
	}
}

func TestQuery_BypassIsFoundHoweverItIsWritten(t *testing.T) {
	b := newBench(t, withTTL(func(r *configs.CacheRule) { r.BypassQuery = []string{"preview"} }), echo("QUERY_STRING", ""))
	for i, query := range []string{"preview", "preview=1", "a&preview=1", "%70review=1", "%50review=1&previe%77", "a;preview=1"} {
		b.do(t, "GET /?"+query)
		if g := b.do(t, "GET /?"+query); g.trace.Cache != "bypass" || b.app.count() != 2*(i+1) {
			t.Errorf("%q: %s, %d calls", query, g.trace.Cache, b.app.count())
		}
	}
}
