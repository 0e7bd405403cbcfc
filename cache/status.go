package cache

import (
	"strconv"
	"time"
)

// statusName is how we call ourselves in Cache-Status (RFC 9211).
const statusName = "Cache-Status: penknife; "

// appendHit appends Age and Cache-Status for an answer from the cache.
func appendHit(dst []byte, o Outcome, age, left time.Duration) []byte {
	dst = append(dst, "Age: "...)
	dst = strconv.AppendInt(dst, int64(age/time.Second), 10)
	dst = append(append(dst, "\r\n"...), statusName...)
	dst = append(dst, "hit; ttl="...)
	dst = strconv.AppendInt(dst, int64(left/time.Second), 10)
	if o != Hit {
		dst = append(append(dst, "; detail="...), o.String()...)
	}
	return append(dst, '\r', '\n')
}

// forward is why a request went to the application; the words are those of RFC 9211 section 2.2.
type forward string

const (
	forwardBypass  forward = "bypass"
	forwardMethod  forward = "method"
	forwardURI     forward = "uri-miss"
	forwardVary    forward = "vary-miss"
	forwardRequest forward = "request"
	forwardStale   forward = "stale"
	forwardPartial forward = "partial"
)

// forwarded is how it went.
type forwarded struct {
	why       forward
	status    int // of the application, if the client got another one
	reason    Reason
	tried     bool // to store it: reason counts
	collapsed bool
	passed    bool // known not to be cacheable
	aged      bool // the application gave an Age: it has the answer from another cache
}

// appendForwardedStatus appends Cache-Status for an answer of the application.
func appendForwardedStatus(dst []byte, f forwarded) []byte {
	dst = append(append(append(dst, statusName...), "fwd="...), f.why...)
	if f.status != 0 {
		dst = strconv.AppendInt(append(dst, "; fwd-status="...), int64(f.status), 10)
	}
	switch {
	case f.tried && f.reason == 0:
		dst = append(dst, "; stored"...)
	case f.tried:
		dst = append(append(dst, "; detail="...), f.reason.String()...)
	}
	if f.collapsed {
		dst = append(dst, "; collapsed"...)
	}
	return append(dst, '\r', '\n')
}
