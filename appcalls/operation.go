package appcalls

// operation is what a request asks for: the byte at offset 4 of its head. python/penknife has the same numbers.
type operation uint8

// The operations on the application's cache.
const (
	opGet         operation = 1 + iota // keys -> for each: state, value
	opSet                              // expiry, tags, pairs
	opAdd                              // expiry, tags, key, value -> whether it was added
	opIncr                             // expiry, delta, initial or none, key -> number
	opDelete                           // keys -> how many there were
	opTouch                            // expiry, key -> whether it is there
	opPurgeTags                        // tags -> how many went
	opPurgeURL                         // URL, of the response cache -> how many went
	opPurgePrefix                      // prefix of URLs, of the response cache -> how many went
	opClear
)

// The operations on the application's metrics.
const (
	opMetric operation = opClear + 1 + iota // kind, name, help, labels, bounds -> number
	opSeries                                // number, values of labels, pid -> cell
	opCells                                 // -> how many there are, and their memory as a descriptor
)

// opMirror asks for the memory with copies of the application's cache, which comes as a descriptor. opCount changes metrics
// without a descriptor, for processes outside.
const (
	opMirror      = opCells + 1
	opCount       = opMirror + 1 // ticket, values of labels, pid, changes -> the cell that was changed last
	lastOperation = opCount
)

var operationNames = [...]string{
	opGet: "get", opSet: "set", opAdd: "add", opIncr: "incr", opDelete: "delete", opTouch: "touch",
	opPurgeTags: "purge_tags", opPurgeURL: "purge_url", opPurgePrefix: "purge_prefix", opClear: "clear",
	opMetric: "metric", opSeries: "series", opCells: "cells", opMirror: "mirror",
	opCount: "count",
}

// String gives the name as metrics and the log show it.
func (o operation) String() string {
	if o == 0 || int(o) >= len(operationNames) {
		return "unknown"
	}
	return operationNames[o]
}

// status is how a call ended: the byte at offset 4 of the answer's head. After statusOK comes what was asked for, after
// any other one a sentence for the exception.
type status uint8

const (
	statusOK       status = 1 + iota
	statusNonsense        // the request cannot be read; the channel is closed
	statusTooLarge        // a value over the limit
	statusNoNumber        // incr of what is no decimal number, or beyond 64 bits
	statusMissing         // incr of a key that is not there
	statusFailed          // the store could not do it
	statusOff             // what was asked for is not configured
	statusTooMany         // channels of one process
	statusInvalid         // no metric can be like that
	statusFull            // too many metrics, or series
	statusStale           // a ticket of another penknife
	lastStatus     = statusStale
)

var statusNames = [...]string{
	statusOK: "ok", statusNonsense: "nonsense", statusTooLarge: "too_large", statusNoNumber: "no_number",
	statusMissing: "missing", statusFailed: "failed", statusOff: "off", statusTooMany: "too_many",
	statusInvalid: "invalid", statusFull: "full", statusStale: "stale",
}

// String gives the name as metrics and the log show it.
func (s status) String() string {
	if s == 0 || int(s) >= len(statusNames) {
		return "unknown"
	}
	return statusNames[s]
}

// Operations and Statuses are the label values of the metrics, by number; 0 is none.
func Operations() []string { return append([]string(nil), operationNames[:]...) }

// Statuses is as Operations, of how calls end.
func Statuses() []string { return append([]string(nil), statusNames[:]...) }
