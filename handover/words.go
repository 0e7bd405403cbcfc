package handover

import (
	"encoding/json"
	"errors"
	"time"
)

// protocol is the version of the conversation. A successor refuses one that it does not know.
const protocol = 1

// variable names the descriptor of the socket. It has no PENKNIFE_ in front, so that nobody takes it for a key.
const variable = "_PENKNIFE_HANDOVER"

// socketFD is the descriptor of the socket in the successor; the offered ones follow.
const socketFD = 3

// ErrProtocol is a peer that says something else than it should.
var ErrProtocol = errors.New("handover: the other process speaks another language")

// Failure is why a successor does not take over.
type Failure struct {
	Fault     string `json:"fault"`               // whose it is; the words are the caller's
	Reason    string `json:"reason"`              // for people
	Traceback string `json:"traceback,omitempty"` // the application's
}

// Error gives the reason.
func (f *Failure) Error() string { return f.Reason }

// label describes an offered descriptor; its number follows from its place.
type label struct {
	Kind string          `json:"kind"`
	Info json.RawMessage `json:"info,omitempty"`
}

// offer is the predecessor's first line.
type offer struct {
	Protocol int     `json:"protocol"`
	Version  string  `json:"version"`
	PID      int     `json:"pid"`
	Items    []label `json:"items"`
}

// The states of a successor, in their order.
const (
	stateBegun   = "begun"
	stateReady   = "ready"
	stateServing = "serving"
	stateFailed  = "failed"
)

// report is a line of the successor.
type report struct {
	State    string   `json:"state"`
	Version  string   `json:"version,omitempty"`
	Patience duration `json:"patience_ms,omitempty"` // with begun: until ready
	Failure  *Failure `json:"failure,omitempty"`     // with failed
}

// order is a later line of the predecessor.
type order struct {
	Proceed bool `json:"proceed,omitempty"`
	Cancel  bool `json:"cancel,omitempty"`
}

// duration is in milliseconds on the wire.
type duration int64

func (d duration) time() time.Duration { return time.Duration(d) * time.Millisecond }
