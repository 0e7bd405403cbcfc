package link

import (
	"io"
	"log/slog"
	"time"
)

// Options says how large a queue is and whom it tells about trouble.
type Options struct {
	Slots   int // requests in flight or waiting: more get KindOverloaded
	Waiting int // of these, beside as many as the workers that live have lanes; 0: no such bound
	Workers int // worker indexes that may exist at once: processes and their replacements
	Threads int // lanes of each worker

	MaxVars        int // bytes; a longer var block gets KindHeadTooLarge
	ResponseBuffer int // bytes of a response that a slow client may leave untaken before its worker has to wait; rounded up to 2^n

	QueueTimeout   time.Duration // from submission to claim: KindQueueTimeout; 0 is none
	RequestTimeout time.Duration // from claim to head, and then between two blocks: KindRequestTimeout; 0 is none
	Slow           time.Duration // measured like RequestTimeout; a request that passes it is reported to SlowRequest; 0 is never
	Spin           int           // looks at the ring before a lane sleeps; negative: none, 0: the default
	Keeper         *Keeper       // held while requests are in flight; nil: none

	Log *slog.Logger

	// Overdue is called once for a request that passed RequestTimeout, after its client was answered. Hostile is
	// called when a worker wrote nonsense into the memory (worker is -1 when it is unknown which): its process
	// must be killed. Both come from the queue's own goroutines and must not block.
	Overdue func(worker int, o Overdue)
	// SlowRequest is called once for a request that passed Slow, while it goes on, and must not block either. nil:
	// nobody wants to know.
	SlowRequest func(worker int, o Overdue)
	Hostile     func(worker int, reason string)
	// Scanned is called about each 100 ms while there are requests, and a few times after the last. It must not
	// block. nil: nobody wants to know.
	Scanned func()
}

// Spool is a request body that was received completely. ReadAt must not block for the client. The queue calls
// Release exactly once, when the request is over or was refused.
type Spool interface {
	// Shared tells whether all of it lies in the memory for bodies that workers map beside the queue's, and where it begins
	// there, in bytes. It stays there, unchanged, until Release.
	Shared() (offset int64, ok bool)
	io.ReaderAt
	Size() int64
	Release()
}

const (
	// defaultSpin is how often a lane gives its CPU to others before it sleeps. Measured with hello world on two
	// CPUs: 100 cost 10 µs of CPU a request, 5 cost 4 µs, and throughput was the same.
	defaultSpin  = 5
	scanInterval = 100 * time.Millisecond
	// scanLinger is how many idle scans pass before the scanner sleeps for good.
	scanLinger = 5
)
