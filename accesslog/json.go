package accesslog

import (
	"strconv"
	"time"

	"penknife/gateway"
)

// compileJSON makes a JSON object of everything that is known. Texts are strings always, and there only if they say
// something; numbers are numbers; times are in seconds. Each record is valid JSON, whatever a client sent.
func (f *Format) compileJSON() {
	user, referer, agent := f.need("REMOTE_USER"), f.need("HTTP_REFERER"), f.need("HTTP_USER_AGENT")
	f.pieces = []piece{func(dst []byte, e *entry) []byte {
		r := e.r
		dst = append(appendISO(append(dst, `{"time":"`...), r.Start), '"')
		dst = e.jsonText(dst, `,"request_id":`, r.RequestID)
		dst = append(append(dst, `,"front":"`...), r.Front.String()...)
		dst = append(dst, '"')
		dst = e.jsonText(dst, `,"client":`, r.RemoteAddr)
		dst = e.jsonText(dst, `,"user":`, e.values[user])
		dst = e.jsonText(dst, `,"method":`, r.Method)
		dst = e.jsonText(dst, `,"scheme":`, r.Scheme)
		dst = e.jsonText(dst, `,"host":`, r.Host)
		dst = e.jsonText(dst, `,"url":`, r.Target)
		dst = e.jsonText(dst, `,"protocol":`, r.Proto)
		dst = e.jsonText(dst, `,"referer":`, e.values[referer])
		dst = e.jsonText(dst, `,"user_agent":`, e.values[agent])
		dst = strconv.AppendInt(append(dst, `,"status":`...), int64(e.jsonStatus()), 10)
		dst = strconv.AppendInt(append(dst, `,"bytes":`...), max(e.Sent, 0), 10)
		dst = jsonSeconds(dst, `,"total":`, e.Total)
		return append(e.jsonTrace(dst), '}')
	}}
}

// jsonTrace appends what the engines know.
func (e *entry) jsonTrace(dst []byte) []byte {
	t := &e.r.Trace
	dst = jsonName(dst, `,"engine":"`, t.Engine)
	if t.Worker > 0 || t.Queue > 0 {
		dst = jsonSeconds(dst, `,"queue":`, t.Queue)
	}
	if t.Worker > 0 {
		dst = jsonSeconds(dst, `,"app":`, t.App)
		dst = strconv.AppendInt(append(dst, `,"worker":`...), int64(t.Worker-1), 10)
		dst = strconv.AppendInt(append(dst, `,"pid":`...), int64(t.PID), 10)
	}
	dst = jsonName(dst, `,"cache":"`, t.Cache)
	dst = jsonName(dst, `,"trace_id":"`, t.TraceID)
	return jsonName(dst, `,"error":"`, e.errorKind())
}

// jsonStatus is what was sent, 499 for a client that left before, and 0 for a connection that was cut.
func (e *entry) jsonStatus() int {
	if e.Status == 0 && e.Err != nil && gateway.KindOf(e.Err) == gateway.KindClientGone {
		return statusClientGone
	}
	return e.Status
}

func (e *entry) jsonText(dst []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return appendJSON(append(dst, name...), value, e.limit)
}

// jsonName appends one of our own constant names.
func jsonName(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return append(append(append(dst, name...), value...), '"')
}

func jsonSeconds(dst []byte, name string, d time.Duration) []byte {
	return appendSeconds(append(dst, name...), d)
}
