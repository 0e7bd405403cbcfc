package cache

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"penknife/gateway"
)

var (
	reasonPartial       = []byte("Partial Content")
	reasonNotModified   = []byte("Not Modified")
	reasonUnsatisfiable = []byte("Range Not Satisfiable")
	reasonTimeout       = []byte("Gateway Timeout")
	notCached           = []byte("504 Gateway Timeout\n\nonly-if-cached, and it is not in the cache\n")
)

// Read is for whoever does not use Response.Whole: there is nothing else.
func (v *visit) Read([]byte) (int, error) { return 0, io.EOF }

// CloseWithError ends the answer; the stored bytes are the store's.
func (v *visit) CloseWithError(error) { v.release() }

// hit answers from a stored answer.
func (v *visit) hit(e *entry, o Outcome, age time.Duration) (*gateway.Response, error) {
	v.note(o, age)
	e.used.hits.Add(1)
	v.r.Trace.Engine = "cache"
	v.fields = v.compose(e, v.fields[:0])
	v.fields = appendHit(v.fields, o, age, e.lifetime-age)
	v.resp.Fields = v.fields
	return &v.resp, nil
}

// fetched answers from an answer that the application has just given or confirmed.
func (v *visit) fetched(e *entry, o Outcome, f forwarded) (*gateway.Response, error) {
	v.note(o, 0)
	v.fields = v.compose(e, v.fields[:0])
	if o == Revalidated || f.aged {
		v.fields = appendAge(v.fields, e.initialAge)
	}
	v.fields = appendForwardedStatus(v.fields, f)
	v.resp.Fields = v.fields
	return &v.resp, nil
}

func appendAge(dst []byte, age time.Duration) []byte {
	return append(strconv.AppendInt(append(dst, "Age: "...), int64(age/time.Second), 10), '\r', '\n')
}

func (v *visit) note(o Outcome, age time.Duration) {
	v.h.answered(o, v.rule, age)
	v.r.Trace.Cache = outcomes[o]
}

// compose makes the response that the client asked for: all, a part, or only that nothing changed. It gives the fields.
func (v *visit) compose(e *entry, dst []byte) []byte {
	v.resp = gateway.Response{Status: e.status, Reason: e.reason, Length: int64(len(e.body)), Whole: e.body, Body: v}
	if v.isUnchanged(e) {
		v.resp.Status, v.resp.Reason, v.resp.Length, v.resp.Whole = http.StatusNotModified, reasonNotModified, 0, nil
		return appendBrief(dst, e.full)
	}
	if !e.wantsRange(&v.asked) {
		return append(dst, e.full...)
	}
	s, verdict := parseRange(v.ranges, int64(len(e.body)))
	switch verdict {
	case rangePartial:
		v.resp.Status, v.resp.Reason = http.StatusPartialContent, reasonPartial
		v.resp.Length, v.resp.Whole = s.length, e.body[s.start:s.start+s.length]
		return appendContentRange(append(dst, e.full...), s, int64(len(e.body)))
	case rangeRefused:
		v.resp.Status, v.resp.Reason, v.resp.Length, v.resp.Whole = http.StatusRequestedRangeNotSatisfiable, reasonUnsatisfiable, 0, nil
		dst = append(dst, "Content-Range: bytes */"...)
		return append(strconv.AppendInt(dst, int64(len(e.body)), 10), '\r', '\n')
	}
	return append(dst, e.full...)
}

func (v *visit) isUnchanged(e *entry) bool {
	return (v.ifNoneMatch != nil || v.ifModified != nil) && e.isUnchanged(&v.asked)
}

// unavailable is the answer to only-if-cached for what is not (RFC 9111 section 5.2.1.7).
func (v *visit) unavailable() *gateway.Response {
	v.note(Unavailable, 0)
	v.r.Trace.Engine = "cache"
	v.fields = append(v.fields[:0], "Content-Type: text/plain; charset=utf-8\r\n"...)
	v.resp = gateway.Response{
		Status: http.StatusGatewayTimeout, Reason: reasonTimeout, Fields: v.fields,
		Length: int64(len(notCached)), Whole: notCached, Body: v,
	}
	return &v.resp
}
