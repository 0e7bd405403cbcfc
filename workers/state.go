package workers

import "slices"

// State is where a worker is in its life. Whether it is busy is the queue's knowledge, not a state.
type State uint8

// The states, in the order in which a long life passes them.
const (
	Starting  State = iota + 1 // ordered from the zygote; importing, when the application is not preloaded
	Ready                      // claims requests
	Suspended                  // was ready; a signal has stopped its process
	Draining                   // was told to leave; finishes what it holds
	Stopping                   // was killed; its exit is awaited
	Exited                     // gone, and its queue lanes are free again
)

var stateNames = [...]string{
	Starting: "starting", Ready: "ready", Suspended: "suspended", Draining: "draining", Stopping: "stopping", Exited: "exited",
}

// String is the name used in logs and on the status page.
func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return "unknown"
}

// States lists the names of the states that a process which exists can be in.
func States() []string { return slices.Clone(stateNames[1:Exited]) }

// transitions is the one table of legal changes. A worker may exit at any time; nobody comes back but who was suspended.
var transitions = map[State][]State{
	Starting:  {Ready, Draining, Stopping, Exited},
	Ready:     {Suspended, Draining, Stopping, Exited},
	Suspended: {Ready, Draining, Stopping, Exited},
	Draining:  {Stopping, Exited},
	Stopping:  {Exited},
	Exited:    nil,
}

// stays tells whether a worker is one that serves, or will when it goes on.
func (w *worker) stays() bool { return w.state == Ready || w.state == Suspended }

// mayBecome tells whether the change from s to next is legal.
func (s State) mayBecome(next State) bool {
	for _, legal := range transitions[s] {
		if legal == next {
			return true
		}
	}
	return false
}
