package cache

import (
	"errors"
	"net/http"
	"time"

	"penknife/cache/store"
	"penknife/gateway"
)

// fetchPlan is how the application is asked.
type fetchPlan struct {
	why    forward
	stale  *entry  // what it may confirm; nil: nothing
	flight *flight // who waits for the answer; nil: nobody
	passed bool    // the request goes on as it is: its answer is known not to be cacheable
}

// fetch is one request to the application whose answer could be stored. It has a copy of the client's request, since
// storing may go on when the client is gone.
type fetch struct {
	fetchPlan
	h   *Handler
	set *settings
	v   *visit // whose answer it is; not touched after that was given

	req        gateway.Request
	background bool // nobody gets the answer
	asks       bool // it is conditional, on the validators of stale
	isHead     bool

	// What is needed of the visit after its client may be gone.
	rule *rule
	who  asked // of its slices only whether they are there
	base string
	key  string

	asked, received time.Time
	moment          uint64 // of purged, when the application was asked
}

// fetch asks the application for this request.
func (v *visit) fetch(plan fetchPlan) (*gateway.Response, error) {
	f := v.h.newFetch(v, plan)
	if v.r.Later != nil {
		f.req.Later = f.later
	}
	resp, err := f.ask()
	if errors.Is(err, gateway.ErrPending) {
		return nil, gateway.ErrPending // the visit may be over by now
	}
	return f.arrived(resp, err)
}

func (h *Handler) newFetch(v *visit, plan fetchPlan) *fetch {
	f := &fetch{fetchPlan: plan, h: h, set: v.set, v: v, rule: v.rule, who: v.asked, isHead: v.isHead, asked: h.deps.Now(),
		moment: h.purged.now()}
	f.key, f.base = string(v.key), string(v.key[:v.base])
	own := !plan.passed && !v.isHead && plan.why != forwardPartial
	f.asks = own && plan.stale != nil && plan.stale.hasValidator()
	f.req = copyRequest(v.r, own)
	if f.asks {
		f.req.Vars = appendValidators(f.req.Vars, plan.stale)
	}
	return f
}

// ask calls the application. If that panics, which is a fault of penknife, the next request in the flight goes on with
// it.
func (f *fetch) ask() (resp *gateway.Response, err error) {
	returned := false
	defer func() {
		if !returned {
			f.fail()
		}
	}()
	resp, err = f.h.deps.Next.Serve(&f.req)
	returned = true
	return resp, err
}

// later is the Request.Later of the application's request.
func (f *fetch) later(resp *gateway.Response, err error) {
	deliver := f.v.r.Later
	if f.h.deps.Blocks {
		// Ended by the answer: the front end waits for Later before it ends.
		go func() { deliver(f.arrived(resp, err)) }()
		return
	}
	deliver(f.arrived(resp, err))
}

// fail gives the flight to the next who waits.
func (f *fetch) fail() {
	if f.flight != nil {
		f.h.flights.next(f.flight)
		f.flight = nil
	}
}

// land ends the flight with an answer for all.
func (f *fetch) land(l landing) {
	if f.flight != nil {
		f.h.flights.land(f.flight, l)
		f.flight = nil
	}
}

// arrived takes the application's answer and gives that of the client; nil in the background.
func (f *fetch) arrived(resp *gateway.Response, err error) (*gateway.Response, error) {
	f.received = f.h.deps.Now()
	switch {
	case f.stale != nil && f.isFailure(resp, err) && f.stale.usableOnError(f.stale.age(f.received)):
		return f.standIn(resp)
	case err != nil:
		f.traced()
		f.fail()
		f.count(Miss, ReasonFailed, 0)
		return nil, err
	case f.asks && resp.Status == http.StatusNotModified:
		return f.confirmed(resp)
	case f.isHead:
		return f.headed(resp)
	case isServerError(resp.Status) && f.flight != nil:
		return f.judgeFailure(resp)
	}
	return f.judge(resp)
}

func isServerError(status int) bool { return status == 500 || status >= 502 && status <= 504 }

// isFailure says what stale-if-error speaks of (RFC 5861 section 4).
func (f *fetch) isFailure(resp *gateway.Response, err error) bool {
	if err != nil {
		return isServerError(gateway.KindOf(err).Status())
	}
	return isServerError(resp.Status)
}

// standIn answers with the stale entry instead of an error, also to those who wait.
func (f *fetch) standIn(resp *gateway.Response) (*gateway.Response, error) {
	if resp != nil {
		resp.Body.CloseWithError(nil)
	}
	f.traced()
	f.count(0, ReasonFailed, 0)
	f.land(landing{signal: signalAnswer, entry: f.stale, key: f.key, fails: true})
	if f.background {
		return nil, nil
	}
	return f.v.hit(f.stale, HitOnError, f.stale.age(f.received))
}

// judgeFailure is judge for an error of the application while others wait: an error that cannot be stored is not theirs.
func (f *fetch) judgeFailure(resp *gateway.Response) (*gateway.Response, error) {
	a := readAnswer(resp.Fields, f.set.targets)
	if f.verdict(resp, &a).reason != 0 {
		f.fail()
	}
	return f.judge(resp)
}

func (f *fetch) verdict(resp *gateway.Response, a *answer) verdict {
	j := judgement{rule: f.rule, heuristic: int(f.set.cfg.Heuristic), obey: f.set.obey, received: f.received}
	v := j.judge(&f.who, resp.Status, a)
	switch {
	case v.reason != 0:
	case resp.Length > f.rule.maxObject || int64(len(resp.Whole)) > f.rule.maxObject:
		v.reason = ReasonLarge
	case resp.Whole != nil && resp.Length >= 0 && int64(len(resp.Whole)) != resp.Length:
		v.reason = ReasonCut
	}
	return v
}

// judge stores the answer or passes it on.
func (f *fetch) judge(resp *gateway.Response) (*gateway.Response, error) {
	a := readAnswer(resp.Fields, f.set.targets)
	verdict := f.verdict(resp, &a)
	if verdict.reason != 0 {
		return f.decline(resp, verdict.reason)
	}
	e := f.newEntry(resp.Status, resp.Reason, &a, verdict)
	e.full = storedFields(resp.Fields, f.stripping(), f.received)
	if resp.File != nil || resp.Whole == nil && resp.Length != 0 {
		return f.stream(resp, e, &a)
	}
	e.body = resp.Whole
	stored, reason := f.store(e, &a)
	if reason != 0 {
		return f.decline(resp, reason)
	}
	resp.Body.CloseWithError(nil)
	f.traced()
	if f.background {
		return nil, nil
	}
	how := f.forwarded(0, 0)
	how.aged = a.age > 0
	return f.v.fetched(stored, Miss, how)
}

func (f *fetch) stripping() stripping {
	return stripping{tags: f.set.strip, setCookie: f.rule.stripSetCookie}
}

// traced takes over what the engines noted.
func (f *fetch) traced() {
	if !f.background {
		f.v.r.Trace.TakeOver(f.req.Trace)
	}
}

func (f *fetch) forwarded(status int, reason Reason) forwarded {
	return forwarded{why: f.why, status: status, reason: reason, tried: !f.isHead, passed: f.passed}
}

// decline passes on an answer that is not stored. What was stored before is not what the application says now.
func (f *fetch) decline(resp *gateway.Response, reason Reason) (*gateway.Response, error) {
	if f.stale != nil && resp.Status < 500 && !reason.isOfTheRequest() {
		f.forget()
	}
	if reason != ReasonCut && reason != ReasonFull && reason != ReasonPurged && !isServerError(resp.Status) && f.why != forwardPartial {
		f.h.passing.add([]byte(f.key), f.who.class(), f.received.Add(f.set.cfg.UncacheableFor))
	}
	f.land(landing{signal: signalAgain})
	f.count(f.outcome(), reason, 0)
	return f.passOn(resp, f.outcome(), f.forwarded(0, reason))
}

// outcome tells what an answer that comes from the application is counted as.
func (f *fetch) outcome() Outcome {
	if f.passed {
		return Passed
	}
	return Miss
}

// forget removes what is stored for the request.
func (f *fetch) forget() {
	if _, err := f.h.deps.Store.Delete(f.key); err != nil && !errors.Is(err, store.ErrAway) {
		f.h.deps.Log.Warn("cache: an answer that is not good any more could not be removed", "request", f.req.ID, "request_id", string(f.req.RequestID), "error", err)
	}
}

// count tells the counters about an answer of the application. Outcome 0 is not counted here, but where the answer is
// given.
func (f *fetch) count(o Outcome, reason Reason, bytes int64) {
	if o != 0 && !f.background {
		f.h.answered(o, f.rule, 0)
		f.v.r.Trace.Cache = outcomes[o]
	}
	f.h.deps.Counter.Kept(int(reason), bytes)
}
