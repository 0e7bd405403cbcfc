package encryption

import (
	"testing"

	"penknife/configs"
)

// TestMerge_NeverTurnsTLSOnOrOff: a listener is what it was at the start; what it shows may change.
func TestMerge_NeverTurnsTLSOnOrOff(t *testing.T) {
	plain, old, renewed := configs.TLS{}, configs.TLS{Certificate: []string{"old"}}, configs.TLS{Certificate: []string{"new"}}
	ordered := configs.TLS{ACME: true}
	for name, test := range map[string]struct {
		start, fresh configs.TLS
		listen       string // of the fresh configuration
		changes      bool
	}{
		"other files":                   {old, renewed, "a", true},
		"another listener":              {old, renewed, "b", false},
		"TLS goes":                      {old, plain, "a", false},
		"TLS comes":                     {plain, old, "a", false},
		"orders come":                   {old, ordered, "a", false},
		"from ordered to files, and on": {ordered, renewed, "a", true},
	} {
		start := configs.Config{HTTP: []configs.HTTP{{Listen: "a", TLS: test.start}}}
		fresh := configs.Config{HTTP: []configs.HTTP{{Listen: test.listen, TLS: test.fresh}}}
		merged := start
		Merge(&merged, start, fresh)
		want := test.start
		if test.changes {
			want = test.fresh
		}
		if got := merged.HTTP[0].TLS; got.Enabled() != want.Enabled() || got.ACME != want.ACME || len(got.Certificate) != len(want.Certificate) ||
			len(got.Certificate) > 0 && got.Certificate[0] != want.Certificate[0] {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestMerge_TakesTheAccountOverOnlyWhileOrdersGoOn: what is ordered is changed by a reload, that something is ordered is not.
func TestMerge_TakesTheAccountOverOnlyWhileOrdersGoOn(t *testing.T) {
	ordering := func(domain string, acme bool) configs.Config {
		return configs.Config{
			HTTP: []configs.HTTP{{Listen: "a", TLS: configs.TLS{ACME: acme}}}, ACME: configs.ACME{Domains: []string{domain}},
		}
	}
	for _, test := range []struct {
		before, after bool
		want          string
	}{{true, true, "new"}, {true, false, "old"}, {false, true, "old"}} {
		merged := ordering("old", test.before)
		Merge(&merged, ordering("old", test.before), ordering("new", test.after))
		if got := merged.ACME.Domains[0]; got != test.want {
			t.Errorf("orders before %v, after %v: of %s, want %s", test.before, test.after, got, test.want)
		}
	}
}
