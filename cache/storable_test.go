package cache

import (
	"testing"
	"time"

	"penknife/configs"
)

// RFC 9111 section 3, 3.5 and 5.2.2: what a shared cache stores.
func TestRFC9111_3_Storable(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		fields string
		asked  func(*asked)
		rule   func(*configs.CacheRule)
		want   Reason
	}{
		{name: "max-age", fields: "Cache-Control: max-age=60\r\n"},
		{name: "s-maxage", fields: "Cache-Control: s-maxage=60\r\n"},
		{name: "Expires", fields: "Expires: Thu, 01 Jan 2099 00:00:00 GMT\r\n"},
		{name: "nothing", want: ReasonNoFreshness},
		{name: "Expires in the past", fields: "Expires: 0\r\n", want: ReasonNoFreshness},
		{name: "public alone", fields: "Cache-Control: public\r\n", want: ReasonNoFreshness},
		{name: "no-store", fields: "Cache-Control: max-age=60, no-store\r\n", want: ReasonNoStore},
		{name: "no-store on a second line", fields: "Cache-Control: max-age=60\r\nCache-Control: no-store\r\n", want: ReasonNoStore},
		{name: "private", fields: "Cache-Control: max-age=60, private\r\n", want: ReasonPrivate},
		{name: "private with a field", fields: "Cache-Control: max-age=60, private=\"x\"\r\n", want: ReasonPrivate},
		{name: "Vary: *", fields: "Cache-Control: max-age=60\r\nVary: Accept, *\r\n", want: ReasonVaryAny},
		{name: "Set-Cookie", fields: "Cache-Control: public, max-age=60\r\nSet-Cookie: a=b\r\n", want: ReasonSetCookie},
		{name: "Set-Cookie, stripped", fields: "Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n",
			rule: func(r *configs.CacheRule) { r.StripSetCookie = true }},
		{name: "a user", fields: "Cache-Control: max-age=60\r\n", asked: func(a *asked) { a.hasUser = true }, want: ReasonUser},
		{name: "a user, public", fields: "Cache-Control: max-age=60, public\r\n", asked: func(a *asked) { a.hasUser = true }},
		{name: "a user, s-maxage", fields: "Cache-Control: s-maxage=60\r\n", asked: func(a *asked) { a.hasUser = true }},
		{name: "a user, must-revalidate", fields: "Cache-Control: max-age=60, must-revalidate\r\n", asked: func(a *asked) { a.hasUser = true }},
		{name: "a user, proxy-revalidate is not enough", fields: "Cache-Control: max-age=60, proxy-revalidate\r\n",
			asked: func(a *asked) { a.hasUser = true }, want: ReasonUser},
		{name: "no-store of the client", fields: "Cache-Control: max-age=60\r\n", asked: func(a *asked) { a.control.set |= hasNoStore }, want: ReasonClient},
		{name: "404", status: 404, fields: "Cache-Control: max-age=60\r\n"},
		{name: "500", status: 500, fields: "Cache-Control: max-age=60\r\n"},
		{name: "unknown status", status: 299, fields: "Cache-Control: max-age=60\r\n"},
		{name: "206", status: 206, fields: "Cache-Control: max-age=60\r\n", want: ReasonStatus},
		{name: "304", status: 304, fields: "Cache-Control: max-age=60\r\n", want: ReasonStatus},
		{name: "must-understand", fields: "Cache-Control: max-age=60, no-store, must-understand\r\n"},
		{name: "must-understand, not understood", status: 299, fields: "Cache-Control: max-age=60, must-understand\r\n", want: ReasonStatus},
		{name: "no-cache without a validator", fields: "Cache-Control: no-cache\r\n", want: ReasonNoFreshness},
		{name: "no-cache with one", fields: "Cache-Control: no-cache\r\nETag: \"a\"\r\n"},
		{name: "max-age=0 with one", fields: "Cache-Control: max-age=0\r\nETag: \"a\"\r\n"},
		{name: "a rule", rule: func(r *configs.CacheRule) { r.TTL = time.Minute }},
		{name: "a rule, 404", status: 404, rule: func(r *configs.CacheRule) { r.TTL = time.Minute }, want: ReasonNoFreshness},
		{name: "a rule for 404", status: 404, rule: func(r *configs.CacheRule) { r.StatusTTL = map[string]string{"404": "1m"} }},
		{name: "a rule, and no-store", fields: "Cache-Control: no-store\r\n", rule: func(r *configs.CacheRule) { r.TTL = time.Minute }, want: ReasonNoStore},
		{name: "a rule, and a cookie", asked: func(a *asked) { a.cookie = []byte("a=b") },
			rule: func(r *configs.CacheRule) { r.TTL = time.Minute }, want: ReasonCookie},
		{name: "a rule, a cookie permitted", asked: func(a *asked) { a.cookie = []byte("a=b") },
			rule: func(r *configs.CacheRule) { r.TTL, r.WithCookies = time.Minute, true }},
		{name: "a rule, and a user", asked: func(a *asked) { a.hasUser = true },
			rule: func(r *configs.CacheRule) { r.TTL, r.WithCookies = time.Minute, true }, want: ReasonUser},
		{name: "a cookie does not matter with explicit freshness", fields: "Cache-Control: max-age=60\r\n", asked: func(a *asked) { a.cookie = []byte("a=b") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			rule := configs.DefaultCacheRule()
			if test.rule != nil {
				test.rule(&rule)
			}
			a := readAnswer([]byte(test.fields), nil)
			q := asked{control: noDirectives()}
			if test.asked != nil {
				test.asked(&q)
			}
			j := judgement{rule: newRule(defaults(), rule, 1), obey: true, received: newClock().now()}
			status := test.status
			if status == 0 {
				status = 200
			}
			if got := j.judge(&q, status, &a); got.reason != test.want {
				t.Errorf("%s, want %s", got.reason, test.want)
			}
		})
	}
}

func TestReasonsAndOutcomes_HaveNames(t *testing.T) {
	for r := Reason(0); r <= ReasonEvents; r++ {
		if r.String() == "unknown" {
			t.Errorf("reason %d has no name", r)
		}
	}
	for o := Hit; o <= Unavailable; o++ {
		if o.String() == "unknown" {
			t.Errorf("outcome %d has no name", o)
		}
	}
	if (ReasonEvents+1).String() != "unknown" || Outcome(0).String() != "unknown" || len(Reasons()) != int(ReasonEvents)+1 {
		t.Error("a number outside has a name")
	}
}
