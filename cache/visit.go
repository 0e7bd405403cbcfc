package cache

import (
	"time"

	"penknife/cache/store"
	"penknife/gateway"
)

// maxRounds is how often a request that waited looks again before it asks the application by itself.
const maxRounds = 3

// visit is one request for something that could be in the cache. It is also the body of an answer that is made here,
// and goes back to the pool when that is closed.
type visit struct {
	asked
	h    *Handler
	r    *gateway.Request
	set  *settings
	rule *rule

	key    []byte
	base   int // length of the key without what Vary adds
	rounds int

	resp   gateway.Response
	fields []byte
}

func (h *Handler) visit(r *gateway.Request) *visit {
	v := h.visits.Get().(*visit)
	v.r, v.set, v.asked, v.rounds = r, h.settings.Load(), readAsked(r), 0
	v.rule = v.set.rules.of(r.Path)
	return v
}

// release gives the visit back to the pool. Nothing may refer to it any more.
func (v *visit) release() {
	v.r, v.asked, v.resp = nil, asked{}, gateway.Response{}
	if cap(v.fields) > maxKept || cap(v.key) > maxKept {
		return
	}
	v.h.visits.Put(v)
}

// maxKept is the largest buffer that a visit takes along.
const maxKept = 16 << 10

func (v *visit) serve() (*gateway.Response, error) {
	if !v.fits() {
		r := v.r
		v.h.answered(Bypassed, v.rule, 0)
		v.release()
		return v.h.through(r, false)
	}
	if v.h.deps.Blocks && v.r.Later != nil {
		return v.serveBlocking()
	}
	return v.decide(v.find(false))
}

// fits says whether the cache has to do with the request at all, and makes its key.
func (v *visit) fits() (ok bool) {
	if v.r.Body != nil || v.hasPrecondition || v.overridesMethod || v.rule.bypasses(&v.asked, v.r.Vars, v.r.Query) {
		return false
	}
	v.key, ok = appendKey(v.key[:0], v.r, &v.asked, v.rule)
	v.base = len(v.key)
	return ok
}

// serveBlocking is for a store that may do I/O, and a front end that must not wait: all but a fresh answer that is at hand
// is done in a goroutine.
func (v *visit) serveBlocking() (*gateway.Response, error) {
	if e := v.find(true); e != nil && v.mayHave(e) {
		if age := e.age(v.r.Start); e.usableFor(&v.asked, age, v.set.obey) == usableFresh {
			return v.hit(e, Hit, age)
		}
	}
	later := v.r.Later
	// Ended by the answer: the front end waits for Later before it ends.
	go func() {
		v.key = v.key[:v.base]
		if resp, err := v.decide(v.find(false)); err != gateway.ErrPending { //nolint:errorlint // never wrapped
			later(resp, err)
		}
	}()
	return nil, gateway.ErrPending
}

// find looks into the cache. If the answers for the key vary, the key becomes that of the request's variant.
// With local it does no I/O.
func (v *visit) find(local bool) *entry {
	for range 2 {
		item, ok := v.get(local)
		if !ok {
			return nil
		}
		e, ok := item.View.(*entry)
		if !ok || !e.has(entryVaries) {
			return e
		}
		if len(v.key) > v.base {
			return nil
		}
		v.key = appendVariant(v.key, v.r.Vars, e.vary)
	}
	return nil
}

func (v *visit) get(local bool) (*store.Item, bool) {
	if local {
		return v.h.deps.Store.Local(v.key)
	}
	return v.h.deps.Store.GetBytes(v.key)
}

// mayHave says that nothing about the request's user forbids the answer: one that is fresh by a rule is not for those
// with a cookie. For those with a user there are only answers that the application declares to be for all; RFC 9111
// would permit to send them any answer that was made for nobody in particular.
func (v *visit) mayHave(e *entry) bool {
	if v.hasUser && !e.has(entryForUsers) {
		return false
	}
	return v.cookie == nil || !e.has(entryImplicit) || e.has(entryWithCookies)
}

// decide answers from what was found, or goes to the application.
func (v *visit) decide(e *entry) (*gateway.Response, error) {
	if e != nil && !v.mayHave(e) {
		return v.fetch(fetchPlan{why: forwardRequest})
	}
	if e != nil {
		age := e.age(v.r.Start)
		switch e.usableFor(&v.asked, age, v.set.obey) {
		case usableFresh:
			return v.hit(e, Hit, age)
		case usableAsIs:
			return v.hit(e, HitStale, age)
		case usableInBetween:
			v.h.refresh(v, e)
			return v.hit(e, HitStale, age)
		}
	}
	if v.set.obey && v.control.has(hasOnlyIfCached) {
		return v.unavailable(), nil
	}
	return v.forward(e)
}

// forward asks the application; e is what it may confirm.
func (v *visit) forward(e *entry) (*gateway.Response, error) {
	plan := fetchPlan{why: v.missReason(e), stale: e}
	switch {
	case e != nil && !v.isHead && v.isOwnWish(e):
		plan.why = forwardRequest
		return v.fetch(plan)
	case v.isHead, v.set.obey && v.control.has(hasNoStore):
		return v.fetch(plan)
	case v.ranges != nil && e == nil:
		plan.why = forwardPartial
		return v.fetch(plan)
	case e != nil && (e.has(entryNoCache) || e.lifetime <= 0):
		return v.fetch(plan)
	case v.h.passing.has(v.key, v.class(), v.r.Start):
		plan.passed = true
		return v.fetch(plan)
	}
	return v.join(e)
}

// missReason says why the application is asked, although e was there.
func (v *visit) missReason(e *entry) forward {
	if e != nil {
		return forwardStale
	}
	if len(v.key) > v.base {
		return forwardVary
	}
	return forwardURI
}

// isOwnWish says that the client does not want what others would get.
func (v *visit) isOwnWish(e *entry) bool {
	return v.set.obey && !e.has(entryNoCache) && e.lifetime > e.age(v.r.Start)
}

// join waits for another request that fetches the same, or becomes the one that does.
func (v *visit) join(e *entry) (*gateway.Response, error) {
	patience := v.set.cfg.Wait - v.h.deps.Now().Sub(v.r.Start)
	if patience <= 0 || v.rounds >= maxRounds {
		return v.fetch(fetchPlan{why: v.missReason(e), stale: e})
	}
	v.rounds++
	if v.r.Later != nil {
		if flight := v.h.flights.join(v.key, patience, v.laterWaiter); flight != nil {
			return v.lead(flight, e)
		}
		return nil, gateway.ErrPending
	}
	var landed chan landing
	flight := v.h.flights.join(v.key, patience, func() *waiter {
		landed = make(chan landing, 1)
		return &waiter{wake: func(l landing) { landed <- l }}
	})
	if flight != nil {
		return v.lead(flight, e)
	}
	return v.landed(<-landed)
}

// laterWaiter is a waiter without a goroutine. Only what makes no further request is done on the caller's.
func (v *visit) laterWaiter() *waiter {
	later := v.r.Later
	goOn := func(l landing) {
		if resp, err := v.landed(l); err != gateway.ErrPending { //nolint:errorlint // never wrapped
			later(resp, err)
		}
	}
	return &waiter{wake: func(l landing) {
		if l.signal == signalAnswer && v.accepts(l) {
			goOn(l)
			return
		}
		// Ended by the answer: the front end waits for Later before it ends.
		go goOn(l)
	}}
}

// accepts says that the answer which another request has fetched is good for this one.
func (v *visit) accepts(l landing) bool {
	if !v.mayHave(l.entry) || l.entry.has(entryNoCache) || !l.fails && l.entry.lifetime <= l.entry.age(v.h.deps.Now()) {
		return false
	}
	if l.key == string(v.key) {
		return true
	}
	if len(l.vary) == 0 || len(l.key) <= v.base || l.key[:v.base] != string(v.key[:v.base]) {
		return false
	}
	variant := appendVariant(v.key[:v.base:v.base], v.r.Vars, l.vary)
	return l.key == string(variant)
}

// landed goes on after the wait.
func (v *visit) landed(l landing) (*gateway.Response, error) {
	switch {
	case l.signal == signalAnswer && v.accepts(l):
		o := Collapsed
		if l.fails {
			o = HitOnError
		}
		return v.hit(l.entry, o, l.entry.age(v.h.deps.Now()))
	case l.signal == signalLead:
		return v.lead(l.flight, v.again())
	case l.signal == signalAlone:
		v.h.passing.add(v.key, v.class(), v.h.deps.Now().Add(v.set.cfg.UncacheableFor))
		e := v.again()
		return v.fetch(fetchPlan{why: v.missReason(e), stale: e})
	}
	return v.decide(v.again())
}

// again looks into the cache once more.
func (v *visit) again() *entry {
	v.key = v.key[:v.base]
	return v.find(false)
}

// lead fetches for all who wait, unless the answer has come between the first look and the start of the flight.
func (v *visit) lead(flight *flight, e *entry) (*gateway.Response, error) {
	if now := v.again(); now != nil && now != e && v.mayHave(now) {
		if age := now.age(v.h.deps.Now()); now.usableFor(&v.asked, age, v.set.obey) == usableFresh {
			v.h.flights.land(flight, landing{signal: signalAgain})
			return v.hit(now, Hit, age)
		}
	}
	return v.fetch(fetchPlan{why: v.missReason(e), stale: e, flight: flight})
}

// until gives how long an entry may be of use: fresh, sent stale, or confirmed by the application.
func (e *entry) until(keep time.Duration) time.Time {
	useful := max(e.swr, e.sie, keep)
	return time.Unix(0, e.received).Add(e.lifetime - e.initialAge + useful)
}
