// Package tuning fits the Go process to its work: how many processors it uses, under which policy the kernel schedules it and
// what it starts, how much garbage may lie around, and which of its own pages stay in memory. Each is called at the start, some now and then. Where GOMAXPROCS or GOGC is set, that
// is the operator's word.
//
// It starts no goroutine and takes no lock. The finalizers of the runtime call Collector after each collection.
package tuning
