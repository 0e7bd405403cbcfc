package workers

import "os"

// Calls answers what code of the application asks of this process: Python opens a channel, a stream socket, for each
// thread that calls, and its process's control socket brings it here.
type Calls interface {
	// Join begins the life of a zygote or a worker, which is named for people. It must cost next to nothing: most
	// processes never call.
	Join(process string) Caller
}

// Caller is one process in the eyes of Calls. Its methods do not block; Accept is not called after Leave.
type Caller interface {
	// Accept takes charge of a channel, which may be any descriptor: nothing about it was checked.
	Accept(channel *os.File)
	// Leave ends all channels: the process is gone, whoever else still holds their other ends.
	Leave()
}

// noCalls refuses all.
type noCalls struct{}

func (noCalls) Join(string) Caller { return noCalls{} }

func (noCalls) Accept(channel *os.File) { closeAll(channel) }

func (noCalls) Leave() {}
