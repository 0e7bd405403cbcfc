package server

import (
	"context"
	"errors"

	"penknife/configs"
	"penknife/gateway"
	"penknife/workers"
)

// Engine runs the application. Package workers has the real one; tests have another.
type Engine interface {
	gateway.Handler
	// Start returns when requests can be served, or why they never will; it gives up when ctx ends.
	Start(ctx context.Context) error
	// Reload starts the application anew with another configuration, of which App and Workers count, and returns
	// when that serves, or why it does not and everything is as before; it gives up when ctx ends. It is called
	// after Start has succeeded, not twice at once, and not during Shutdown.
	Reload(ctx context.Context, loaded *configs.Loaded) error
	// Shutdown lets requests finish until ctx ends, then ends them, and returns when no process is left. It is
	// called once, after Start has returned, whatever that returned.
	Shutdown(ctx context.Context) error
	// Alive returns when whoever looks after the workers has answered, or ctx's error.
	Alive(ctx context.Context) error
	// Ready counts the workers that take requests. It does not block.
	Ready() int
	// InFlight counts requests that wait or run. It does not block.
	InFlight() int
	// Scale changes the number of workers and gives what holds from now on; AwaitScaled blocks until they are there. An
	// error that wraps workers.ErrScale or ErrNotNow says why nothing was changed. Scaling does not block.
	Scale(ctx context.Context, order workers.ScaleOrder) (workers.Scaling, error)
	AwaitScaled(ctx context.Context) error
	Scaling() workers.Scaling
	// Carry gives what is known about the number of workers, and Resume takes it in another process, before Start.
	Carry() workers.Carried
	Resume(workers.Carried)
	// Snapshot describes the workers. It does not block.
	Snapshot() workers.Snapshot
	// Running lists the requests in flight. It does not block.
	Running() []workers.Running
}

// AppError is an application that does not start. Whoever started penknife sees the traceback and exit code 3.
type AppError struct {
	Reason    string // one sentence
	Traceback string // the user's, with line breaks; may be empty
	Err       error  // the cause, or nil
}

// Error gives the reason.
func (e *AppError) Error() string { return e.Reason }

// Unwrap gives the cause.
func (e *AppError) Unwrap() error { return e.Err }

// errStarting is why requests are not answered before the workers are ready.
var errStarting = errors.New("the application is starting")

// errNoWorker is why requests are not answered while replacements are being started.
var errNoWorker = errors.New("no worker is ready")

// errMoved is why this process changes nothing any more.
var errMoved = errors.New("another process serves now, since an upgrade")

// errStopping is why a front server should send requests elsewhere.
var errStopping = errors.New("the server is stopping")
