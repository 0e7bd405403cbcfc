package cache

import "time"

// day bounds what is guessed.
const day = 24 * time.Hour

// explicitLifetime is the freshness that the application has given (RFC 9111 section 4.2.1), for a shared cache.
func (a *answer) explicitLifetime(received time.Time) (lifetime time.Duration, given bool) {
	switch d := &a.control; {
	case d.sMaxage != absent:
		return time.Duration(d.sMaxage) * time.Second, true
	case d.maxAge != absent:
		return time.Duration(d.maxAge) * time.Second, true
	case a.hasExpires && !a.targeted:
		date := a.date
		if date == 0 {
			date = received.Unix()
		}
		return time.Duration(max(min(a.expires-date, maxDelta), 0)) * time.Second, true
	}
	return 0, false
}

// heuristicLifetime is a part of the time since Last-Modified (RFC 9111 section 4.2.2), for statuses that permit it.
func (a *answer) heuristicLifetime(status, percent int, received time.Time) time.Duration {
	if percent == 0 || a.lastModified == 0 || !isHeuristic(status) {
		return 0
	}
	date := a.date
	if date == 0 {
		date = received.Unix()
	}
	since := time.Duration(max(min(date-a.lastModified, maxDelta), 0)) * time.Second
	return min(since/100*time.Duration(percent), day)
}

// isHeuristic lists the statuses that RFC 9110 section 15.1 calls heuristically cacheable, but for 206.
func isHeuristic(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// initialAge is corrected_initial_age of RFC 9111 section 4.2.3.
func (a *answer) initialAge(asked, received time.Time) time.Duration {
	apparent := time.Duration(0)
	if a.date != 0 {
		apparent = max(received.Sub(unix(a.date)).Truncate(time.Second), 0)
	}
	corrected := max(received.Sub(asked), 0)
	if a.age > 0 {
		corrected += time.Duration(a.age) * time.Second
	}
	return max(apparent, corrected)
}

// age is current_age of RFC 9111 section 4.2.3.
func (e *entry) age(now time.Time) time.Duration {
	resident := time.Duration(now.UnixNano() - e.received)
	if !e.stamp.IsZero() {
		resident = now.Sub(e.stamp)
	}
	return e.initialAge + max(resident, 0)
}

// usability is what may be done with a stored answer for a request.
type usability uint8

const (
	usableFresh     usability = iota + 1
	usableAsIs                // stale, and the client permits it (max-stale)
	usableInBetween           // stale, and may be sent while it is fetched anew
	usableNever               // not without asking the application
)

// usableFor decides about a stored answer (RFC 9111 sections 4.2, 5.2.1 and RFC 5861 section 3). obey says whether the
// directives of clients count.
func (e *entry) usableFor(a *asked, age time.Duration, obey bool) usability {
	left := e.lifetime - age
	if obey {
		d := &a.control
		switch {
		case d.has(hasNoCache) || a.pragma && !d.has(hasAny):
			return usableNever
		case d.maxAge != absent && age > seconds(d.maxAge) && !d.has(hasMaxStale):
			return usableNever
		case d.minFresh != absent && left < seconds(d.minFresh):
			return usableNever
		}
	}
	switch {
	case e.has(entryNoCache):
		return usableNever
	case left > 0:
		return usableFresh
	case e.has(entryMustRevalidate):
		return usableNever
	case obey && a.control.has(hasMaxStale) && (a.control.maxStale == absent || -left <= seconds(a.control.maxStale)):
		return usableAsIs
	case -left < e.swr:
		return usableInBetween
	}
	return usableNever
}

// usableOnError says whether a stale answer may be sent instead of an error (RFC 5861 section 4).
func (e *entry) usableOnError(age time.Duration) bool {
	return !e.has(entryMustRevalidate|entryNoCache) && age-e.lifetime < e.sie
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
