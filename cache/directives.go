package cache

import "bytes"

// absent is the value of a directive with seconds that was not sent.
const absent = -1

// maxDelta is what delta-seconds that are too large count as (RFC 9111 section 1.2.2).
const maxDelta = 1 << 31

// directiveSet is which directives without seconds were sent.
type directiveSet uint16

const (
	hasNoStore directiveSet = 1 << iota
	hasNoCache
	hasPrivate
	hasPublic
	hasMustRevalidate
	hasProxyRevalidate
	hasMustUnderstand
	hasOnlyIfCached
	hasMaxStale // with or without seconds
	hasAny      // anything at all, known or not
)

// directives is a Cache-Control field, of a request or of a response, in seconds. A directive that is sent twice
// counts as it was sent first (RFC 9111 section 4.2.1); seconds that are none count as 0, so that what nobody can read
// is stale.
type directives struct {
	set directiveSet

	maxAge, sMaxage                    int64
	minFresh, maxStale                 int64 // maxStale absent with hasMaxStale: any
	staleWhileRevalidate, staleIfError int64
}

func noDirectives() directives {
	return directives{
		maxAge: absent, sMaxage: absent, minFresh: absent, maxStale: absent,
		staleWhileRevalidate: absent, staleIfError: absent,
	}
}

func (d *directives) has(flag directiveSet) bool { return d.set&flag != 0 }

// parse reads one more value of Cache-Control (RFC 9111 section 5.2). no-cache and private with field names count as
// those without: that is stricter, and permitted.
func (d *directives) parse(list []byte) {
	for len(list) > 0 {
		var member []byte
		if member, list = nextMember(list); len(member) == 0 {
			continue
		}
		name, argument, _ := bytes.Cut(member, []byte{'='})
		d.set |= hasAny
		d.take(name, argument)
	}
}

func (d *directives) take(name, argument []byte) {
	switch {
	case equalFold(name, "max-age"):
		takeSeconds(&d.maxAge, argument)
	case equalFold(name, "s-maxage"):
		takeSeconds(&d.sMaxage, argument)
	case equalFold(name, "no-store"):
		d.set |= hasNoStore
	case equalFold(name, "no-cache"):
		d.set |= hasNoCache
	case equalFold(name, "private"):
		d.set |= hasPrivate
	case equalFold(name, "public"):
		d.set |= hasPublic
	case equalFold(name, "must-revalidate"):
		d.set |= hasMustRevalidate
	case equalFold(name, "proxy-revalidate"):
		d.set |= hasProxyRevalidate
	case equalFold(name, "must-understand"):
		d.set |= hasMustUnderstand
	case equalFold(name, "only-if-cached"):
		d.set |= hasOnlyIfCached
	case equalFold(name, "min-fresh"):
		takeSeconds(&d.minFresh, argument)
	case equalFold(name, "max-stale"):
		if d.set |= hasMaxStale; len(argument) > 0 {
			takeSeconds(&d.maxStale, argument)
		}
	case equalFold(name, "stale-while-revalidate"):
		takeSeconds(&d.staleWhileRevalidate, argument)
	case equalFold(name, "stale-if-error"):
		takeSeconds(&d.staleIfError, argument)
	}
}

// takeSeconds reads delta-seconds, which recipients must also accept as a quoted string (RFC 9111 section 5.2).
func takeSeconds(into *int64, argument []byte) {
	if *into != absent {
		return
	}
	if n := len(argument); n >= 2 && argument[0] == '"' && argument[n-1] == '"' {
		argument = argument[1 : n-1]
	}
	*into = max(parseDelta(argument), 0)
}

// parseDelta reads delta-seconds, absent if it is something else.
func parseDelta(text []byte) int64 {
	if len(text) == 0 {
		return absent
	}
	var n int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return absent
		}
		n = min(n*10+int64(c-'0'), maxDelta)
	}
	return n
}
