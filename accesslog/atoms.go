package accesslog

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"penknife/gateway"
)

// Layouts of times.
const (
	layoutCLF   = "02/Jan/2006:15:04:05 -0700"
	layoutCtime = "Mon Jan _2 15:04:05 2006"
)

// gunicornAtoms are those of gunicorn's access_log_format; %({name}i)s and its like are in compiler.variable.
var gunicornAtoms = map[string]piece{
	"h": remoteAddr, "l": dash, "t": bracketTime, "r": requestLine, "m": method,
	"U": func(dst []byte, e *entry) []byte { return appendField(dst, pathOf(e.r.Target), e.limit) },
	"q": func(dst []byte, e *entry) []byte { return appendEscaped(dst, e.r.Query, e.limit) },
	"H": proto, "s": status, "B": sent, "b": sentOrDash, "u": nil, "f": nil, "a": nil,
	"T": seconds, "M": millis, "D": micros,
	"L": func(dst []byte, e *entry) []byte { return appendSeconds(dst, e.Total) },
	"p": func(dst []byte, e *entry) []byte { return append(appendPID(append(dst, '<'), e), '>') },
}

// uwsgiAtoms are those of uWSGI's log-format. What has no meaning here is the constant that uWSGI prints when it does
// not measure it.
var uwsgiAtoms = map[string]piece{
	"uri": target, "method": method, "addr": remoteAddr, "host": host, "proto": proto, "status": status,
	"user": nil, "uagent": nil, "referer": nil, "cl": contentLength,
	"rsize": sent, "hsize": headSize, "size": allSize,
	"micros": micros, "msecs": millis, "secs": func(dst []byte, e *entry) []byte { return appendSeconds(dst, e.Total) },
	"tmsecs":  func(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, e.r.Start.UnixMilli(), 10) },
	"tmicros": func(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, e.r.Start.UnixMicro(), 10) },
	"time":    unixTime, "epoch": unixTime, "ltime": clfTime, "ftime": clfTime,
	"ctime": func(dst []byte, e *entry) []byte { return e.ctime.append(dst, e.r.Start, layoutCtime) },
	"pid":   appendPID, "wid": workerID, "switches": one, "core": zero,
	"vars":    func(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, int64(e.count), 10) },
	"pktsize": func(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, int64(len(e.r.Vars)), 10) },
	"headers": headerCount, "modifier1": zero, "modifier2": zero, "werr": zero, "rerr": zero, "ioerr": zero,
	"vsz": zero, "rss": zero, "vszM": zero, "rssM": zero,
}

// ownAtoms may be used in both styles.
var ownAtoms = map[string]piece{
	"request_id": func(dst []byte, e *entry) []byte { return appendField(dst, e.r.RequestID, e.limit) },
	"request":    func(dst []byte, e *entry) []byte { return strconv.AppendUint(dst, e.r.ID, 10) },
	"trace_id":   func(dst []byte, e *entry) []byte { return appendText(dst, e.r.Trace.TraceID) },
	"queue":      func(dst []byte, e *entry) []byte { return appendSeconds(dst, e.r.Trace.Queue) },
	"app":        func(dst []byte, e *entry) []byte { return appendSeconds(dst, e.r.Trace.App) },
	"total":      func(dst []byte, e *entry) []byte { return appendSeconds(dst, e.Total) },
	"worker":     worker, "worker_pid": appendPID,
	"cache":    func(dst []byte, e *entry) []byte { return appendText(dst, e.r.Trace.Cache) },
	"engine":   func(dst []byte, e *entry) []byte { return appendText(dst, e.r.Trace.Engine) },
	"front":    func(dst []byte, e *entry) []byte { return append(dst, e.r.Front.String()...) },
	"scheme":   func(dst []byte, e *entry) []byte { return appendField(dst, e.r.Scheme, e.limit) },
	"error":    func(dst []byte, e *entry) []byte { return appendText(dst, e.errorKind()) },
	"time_iso": func(dst []byte, e *entry) []byte { return appendISO(dst, e.r.Start) },

	"app_index":       appIndex,
	"requests":        func(dst []byte, e *entry) []byte { return strconv.AppendUint(dst, e.requests, 10) },
	"worker_requests": func(dst []byte, e *entry) []byte { return strconv.AppendUint(dst, e.byWorker[e.r.Trace.Worker], 10) },
}

func dash(dst []byte, _ *entry) []byte { return append(dst, '-') }
func zero(dst []byte, _ *entry) []byte { return append(dst, '0') }
func one(dst []byte, _ *entry) []byte  { return append(dst, '1') }

func remoteAddr(dst []byte, e *entry) []byte { return appendField(dst, e.r.RemoteAddr, e.limit) }
func method(dst []byte, e *entry) []byte     { return appendField(dst, e.r.Method, e.limit) }
func target(dst []byte, e *entry) []byte     { return appendField(dst, e.r.Target, e.limit) }
func proto(dst []byte, e *entry) []byte      { return appendField(dst, e.r.Proto, e.limit) }
func host(dst []byte, e *entry) []byte       { return appendField(dst, e.r.Host, e.limit) }
func status(dst []byte, e *entry) []byte     { return e.appendStatus(dst) }

func requestLine(dst []byte, e *entry) []byte {
	dst = append(appendEscaped(dst, e.r.Method, e.limit), ' ')
	dst = append(appendEscaped(dst, e.r.Target, e.limit), ' ')
	return appendEscaped(dst, e.r.Proto, e.limit)
}

func sent(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, max(e.Sent, 0), 10) }

func sentOrDash(dst []byte, e *entry) []byte {
	if e.Sent <= 0 {
		return append(dst, '-')
	}
	return sent(dst, e)
}

func contentLength(dst []byte, e *entry) []byte {
	return strconv.AppendInt(dst, max(e.r.ContentLength, 0), 10)
}

func headSize(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, int64(len(e.head())), 10) }

func allSize(dst []byte, e *entry) []byte {
	return strconv.AppendInt(dst, int64(len(e.head()))+max(e.Sent, 0), 10)
}

// headerCount counts lines without the status line and the empty one.
func headerCount(dst []byte, e *entry) []byte {
	return strconv.AppendInt(dst, int64(max(bytes.Count(e.head(), []byte{'\n'})-2, 0)), 10)
}

func pathOf(target []byte) []byte {
	path, _, _ := bytes.Cut(target, []byte{'?'})
	return path
}

func clfTime(dst []byte, e *entry) []byte  { return e.clf.append(dst, e.r.Start, layoutCLF) }
func unixTime(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, e.r.Start.Unix(), 10) }

func bracketTime(dst []byte, e *entry) []byte { return append(clfTime(append(dst, '['), e), ']') }

func seconds(dst []byte, e *entry) []byte {
	return strconv.AppendInt(dst, int64(e.Total/time.Second), 10)
}
func millis(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, e.Total.Milliseconds(), 10) }
func micros(dst []byte, e *entry) []byte { return strconv.AppendInt(dst, e.Total.Microseconds(), 10) }

// appendSeconds appends seconds with six decimals.
func appendSeconds(dst []byte, d time.Duration) []byte {
	us := max(d.Microseconds(), 0)
	dst = append(strconv.AppendInt(dst, us/1e6, 10), '.')
	for unit := int64(1e5); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+us/unit%10))
	}
	return dst
}

// appendISO appends a time of RFC 3339 in UTC with milliseconds.
func appendISO(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// appendPID appends the process that answered: this one if it was no worker.
func appendPID(dst []byte, e *entry) []byte {
	pid := e.r.Trace.PID
	if pid == 0 {
		pid = os.Getpid()
	}
	return strconv.AppendInt(dst, int64(pid), 10)
}

// worker appends the index that the worker has in the other log and in penknife status.
func worker(dst []byte, e *entry) []byte {
	if e.r.Trace.Worker == 0 {
		return append(dst, '-')
	}
	return strconv.AppendInt(dst, int64(e.r.Trace.Worker-1), 10)
}

// workerID is uWSGI's: it counts from 1, and 0 is the master.
func workerID(dst []byte, e *entry) []byte {
	return strconv.AppendInt(dst, int64(e.r.Trace.Worker), 10)
}

// appIndex is 0 for the application and -1 for whatever answered without it, as uWSGI has it.
func appIndex(dst []byte, e *entry) []byte {
	if e.r.Trace.Worker == 0 {
		return append(dst, "-1"...)
	}
	return append(dst, '0')
}

func appendText(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, '-')
	}
	return append(dst, text...)
}

func (e *entry) errorKind() string {
	if e.Err == nil {
		return ""
	}
	return gateway.KindOf(e.Err).String()
}
