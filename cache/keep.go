package cache

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"penknife/cache/store"
	"penknife/gateway"
)

// newEntry makes an entry without fields and body.
func (f *fetch) newEntry(status int, reason []byte, a *answer, v verdict) *entry {
	e := &entry{
		status: status, reason: reason, etag: a.etag, lastModified: a.lastModified, date: a.date,
		received: f.received.UnixNano(), stamp: f.received, initialAge: a.initialAge(f.asked, f.received), lifetime: v.lifetime,
	}
	if e.date == 0 {
		e.date = f.received.Unix()
	}
	d := &a.control
	if d.has(hasNoCache) {
		e.flags |= entryNoCache
	}
	if d.has(hasMustRevalidate | hasProxyRevalidate) {
		e.flags |= entryMustRevalidate
	}
	if d.has(hasPublic|hasMustRevalidate) || d.sMaxage != absent {
		e.flags |= entryForUsers
	}
	if v.implicit {
		e.flags |= entryImplicit
		if f.rule.withCookies {
			e.flags |= entryWithCookies
		}
	}
	e.swr, e.sie = f.rule.swr, f.rule.sie
	if d.sMaxage != absent { // which means proxy-revalidate, unless the application says otherwise
		e.swr, e.sie = 0, 0
	}
	if d.staleWhileRevalidate != absent {
		e.swr = seconds(d.staleWhileRevalidate)
	}
	if d.staleIfError != absent {
		e.sie = seconds(d.staleIfError)
	}
	return e
}

// store puts an entry under its key, with a note under the base key if answers vary, and ends the flight with it.
func (f *fetch) store(e *entry, a *answer) (*entry, Reason) {
	base, key := f.base, f.base
	until := e.until(f.set.cfg.KeepStale)
	if len(a.vary) > 0 {
		vary := slices.Clone(a.vary)
		slices.Sort(vary)
		vary = slices.Compact(vary)
		if reason := f.noteVary(base, vary, until); reason != 0 {
			return nil, reason
		}
		key = string(appendVariant([]byte(base), f.req.Vars, vary))
		a.vary = vary
	}
	value := e.encode()
	stored, err := decode(value)
	if err != nil {
		return nil, ReasonFailed // not what encode gives
	}
	if f.stale != nil && f.stale.used != nil {
		stored.used = f.stale.used
	}
	stored.stamp = e.stamp
	stored.used.fetches.Add(1)
	if reason := f.putValue(key, value, stored, item{tags: a.tags, until: until}); reason != 0 {
		return nil, reason
	}
	if !f.h.deps.Store.Settle() || f.h.purged.since(f.moment, urlOf(key)) {
		if _, err := f.h.deps.Store.Delete(key); err != nil && !errors.Is(err, store.ErrAway) {
			f.h.deps.Log.Warn("cache: what was purged meanwhile could not be removed", "request", f.req.ID, "request_id", string(f.req.RequestID), "error", err)
		}
		return nil, ReasonPurged
	}
	f.h.passing.remove([]byte(f.key), f.who.class())
	f.count(0, 0, int64(len(value)))
	f.land(landing{signal: signalAnswer, entry: stored, key: key, vary: a.vary})
	return stored, 0
}

// item is what the store is told about a value.
type item struct {
	tags  []string
	until time.Time
}

// noteVary stores what the answers of a URL vary on, unless that is known for long enough: a variant that is soon stale
// must not take the others with it.
func (f *fetch) noteVary(base string, vary []string, until time.Time) Reason {
	if held, ok := f.h.deps.Store.GetBytes([]byte(base)); ok && !held.Expires.Before(until) {
		if e, ok := held.View.(*entry); ok && e.has(entryVaries) && slices.Equal(e.vary, vary) {
			return 0
		}
	}
	note := &entry{flags: entryVaries, received: f.received.UnixNano(), vary: vary}
	return f.putValue(base, note.encode(), note, item{until: until})
}

// putValue stores a value. An entry that is not the only one of its URL has a tag by which all of those are found.
func (f *fetch) putValue(key string, value []byte, view *entry, i item) Reason {
	tags := i.tags
	if url := urlOf(key); len(key) > len(url)+1 {
		tags = append(slices.Clone(tags), urlTag(url))
	}
	err := f.h.deps.Store.Set(key, &store.Item{Value: value, Tags: tags, Stored: f.received, Expires: i.until, View: view})
	switch {
	case err == nil, errors.Is(err, store.ErrAway):
		return 0
	case errors.Is(err, store.ErrTooLarge):
		return ReasonLarge
	}
	f.h.deps.Log.Warn("cache: an answer could not be stored", "request", f.req.ID, "request_id", string(f.req.RequestID), "error", err)
	return ReasonFull
}

// confirmed answers with the stored answer, which the application has just called good (RFC 9111 section 4.3.4).
func (f *fetch) confirmed(resp *gateway.Response) (*gateway.Response, error) {
	a := readAnswer(resp.Fields, f.set.targets)
	if !a.confirms(f.stale) {
		return f.askAnew(resp)
	}
	fields := mergedFields(f.stale.full, resp.Fields, f.stripping(), f.received)
	resp.Body.CloseWithError(nil)
	f.traced()
	stored, reason := f.freshen(fields)
	if reason != 0 {
		f.count(0, reason, 0)
		if !reason.isOfTheRequest() {
			f.forget()
		}
		f.land(landing{signal: signalAgain})
	}
	if f.background {
		return nil, nil
	}
	how := f.forwarded(http.StatusNotModified, reason)
	return f.v.fetched(stored, Revalidated, how)
}

// freshen stores an entry again with other fields.
func (f *fetch) freshen(fields []byte) (*entry, Reason) {
	merged := readAnswer(fields, f.set.targets)
	j := judgement{rule: f.rule, heuristic: int(f.set.cfg.Heuristic), obey: f.set.obey, received: f.received}
	verdict := j.judge(&f.who, f.stale.status, &merged)
	e := f.newEntry(f.stale.status, f.stale.reason, &merged, verdict)
	e.full, e.body = fields, f.stale.body
	if verdict.reason != 0 {
		return e, verdict.reason
	}
	merged.tags = f.h.tagsOf(f.key, merged.tags)
	stored, reason := f.store(e, &merged)
	if reason != 0 {
		return e, reason
	}
	return stored, 0
}

// tagsOf gives the tags that are stored with a key, unless there are new ones.
func (h *Handler) tagsOf(key string, fresh []string) []string {
	if len(fresh) > 0 {
		return fresh
	}
	item, ok := h.deps.Store.GetBytes([]byte(key))
	if !ok {
		return nil
	}
	return withoutURLTags(item.Tags)
}

// askAnew asks without a condition, because the 304 spoke of another answer than the stored one.
func (f *fetch) askAnew(resp *gateway.Response) (*gateway.Response, error) {
	resp.Body.CloseWithError(nil)
	f.forget()
	if f.background {
		f.land(landing{signal: signalAgain})
		return nil, nil
	}
	plan := f.fetchPlan
	plan.stale, f.flight = nil, nil
	v := f.v
	if v.r.Later == nil {
		return v.fetch(plan)
	}
	later := v.r.Later
	// Ended by the answer: the front end waits for Later before it ends. The caller expects one, and may not wait.
	go func() {
		again := f.h.newFetch(v, plan)
		again.req.Later = nil
		answer, err := again.ask()
		later(again.arrived(answer, err))
	}()
	return nil, gateway.ErrPending
}

// headed updates or removes what is stored by an answer to HEAD (RFC 9111 section 4.3.5).
func (f *fetch) headed(resp *gateway.Response) (*gateway.Response, error) {
	if f.stale != nil && resp.Status == http.StatusOK {
		a := readAnswer(resp.Fields, f.set.targets)
		reason := Reason(0)
		if a.resembles(f.stale) {
			_, reason = f.freshen(mergedFields(f.stale.full, resp.Fields, f.stripping(), f.received))
		}
		if !a.resembles(f.stale) || reason != 0 && !reason.isOfTheRequest() {
			f.forget()
		}
	}
	f.count(Miss, ReasonMethod, 0)
	return f.passOn(resp, Miss, f.forwarded(0, ReasonMethod))
}
