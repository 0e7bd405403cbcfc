package control

import "time"

// Status is the answer to GET /status.
type Status struct {
	Version     string     `json:"version"`
	PID         int        `json:"pid"`
	State       string     `json:"state"` // starting, running or stopping
	Started     time.Time  `json:"started"`
	Uptime      float64    `json:"uptime_seconds"`
	Config      string     `json:"config,omitempty"` // the file, as it was named
	Application string     `json:"application"`
	Listeners   []Listener `json:"listeners"`
	// Certificates are those of all listeners, each once; none without TLS.
	Certificates []Certificate `json:"certificates,omitempty"`
	// CertificatesUnusable: files of certificates have changed to something that cannot be used, and what they held before is shown.
	CertificatesUnusable bool         `json:"certificate_files_unusable,omitempty"`
	Connections          int64        `json:"connections"` // of clients, open
	Goroutines           int          `json:"goroutines"`  // of penknife's own process
	Current              Generation   `json:"current"`
	Joining              *Generation  `json:"joining,omitempty"`  // in a rolling reload, the one that takes over
	Draining             []Generation `json:"draining,omitempty"` // replaced ones that finish what they hold, oldest first
	Reloads              Reloads      `json:"reloads"`
	Daemons              []Daemon     `json:"daemons,omitempty"`
	Jobs                 []Job        `json:"jobs,omitempty"`
}

// Generations gives all that there are: the present one, the one that takes over, and those that were replaced.
func (s Status) Generations() []Generation {
	all := []Generation{s.Current}
	if s.Joining != nil {
		all = append(all, *s.Joining)
	}
	return append(all, s.Draining...)
}

// Listener is one open socket.
type Listener struct {
	Protocol string `json:"protocol"` // http, uwsgi, admin or control
	Address  string `json:"address"`
	Lost     string `json:"lost,omitempty"` // its socket file was removed or replaced: nobody can connect until a restart
}

// Certificate is what clients of listeners with TLS are shown.
type Certificate struct {
	Name    string    `json:"name"` // its file, or the domain that it was ordered for
	Expires time.Time `json:"expires"`
}

// Generation is workers that belong together, and their queue.
type Generation struct {
	Number    uint64     `json:"number"`           // 0 before the first one is ready
	Python    string     `json:"python,omitempty"` // version of the interpreter
	ZygotePID int        `json:"zygote_pid,omitempty"`
	CrashLoop bool       `json:"crash_loop"`         // its processes keep dying, and replacements are delayed
	RetryAt   *time.Time `json:"retry_at,omitempty"` // when the next one may start
	InFlight  int        `json:"in_flight"`          // requests that wait, run or are being sent
	Waiting   int        `json:"waiting"`            // those of them that no worker has taken yet
	Threads   int        `json:"threads"`            // requests that each worker can hold at once
	Places    int        `json:"places"`             // how many there can be
	Scaling   Scaling    `json:"scaling"`
	Workers   []Worker   `json:"workers"`
	// Retired counts workers that had to leave although they lived, by reason.
	Retired map[string]int `json:"retired,omitempty"`
}

// Worker is one process.
type Worker struct {
	Index    int       `json:"index"`
	PID      int       `json:"pid"`
	State    string    `json:"state"`            // starting, ready, suspended, draining or stopping
	Reason   string    `json:"reason,omitempty"` // why it must leave
	Started  time.Time `json:"started"`
	Uptime   float64   `json:"uptime_seconds"`
	Busy     int       `json:"busy"`     // requests that it holds
	Requests uint64    `json:"requests"` // requests that it has done
	// Load is the part of its threads' time that requests have taken lately, 0 to 1. It is looked at while there are
	// requests, or somebody looks.
	Load     float64 `json:"load"`
	Resident int64   `json:"resident_bytes,omitempty"`  // 0: not known
	CPU      float64 `json:"cpu_seconds,omitempty"`     // that its process has used
	Own      int64   `json:"anonymous_bytes,omitempty"` // of that: no files and no shared memory
}

// Scaling is how many workers there shall be.
type Scaling struct {
	Wanted int    `json:"wanted"`
	Min    int    `json:"min"`
	Max    int    `json:"max"`
	Mode   string `json:"mode"` // who decides: fixed (the configuration), hand, busyness or queue
}

// ScaleOrder asks for another number of workers: To many, or if that is 0 By more than there are, or (Auto) as many as
// the configuration says.
type ScaleOrder struct {
	To   int  `json:"to"`
	By   int  `json:"by"`
	Auto bool `json:"auto"`
}

// Scaled is the answer to POST /scale, given when the workers are ready.
type Scaled struct {
	Scaling Scaling  `json:"scaling"`           // that holds now
	Ready   int      `json:"ready"`             // workers that take requests
	Failure *Failure `json:"failure,omitempty"` // why it is not as it was asked for
}

// Reloads is what became of reloads since the start.
type Reloads struct {
	Succeeded int       `json:"succeeded"`
	Failed    int       `json:"failed"`
	Last      *Reloaded `json:"last,omitempty"`
}

// Reloaded is the answer to POST /reload, given when the new generation serves or was given up.
type Reloaded struct {
	At         time.Time `json:"at"`
	Took       float64   `json:"took_seconds"`
	Generation uint64    `json:"generation"` // that serves now
	Scaling    Scaling   `json:"scaling"`
	// NeedsRestart lists keys whose new values were not taken over, since only a restart can.
	NeedsRestart []string `json:"needs_restart,omitempty"`
	Failure      *Failure `json:"failure,omitempty"` // nil: it succeeded
}

// Upgraded is the answer to POST /upgrade, given when the new process serves or was given up.
type Upgraded struct {
	At      time.Time `json:"at"`
	Took    float64   `json:"took_seconds"`
	PID     int       `json:"pid,omitempty"`     // of the process that serves now
	Version string    `json:"version,omitempty"` // of that
	Failure *Failure  `json:"failure,omitempty"` // nil: it succeeded
}

// Whose fault a failed reload or upgrade is.
const (
	FaultConfig = "config" // the configuration, or the interpreter that it names
	FaultApp    = "app"    // the application
	FaultOther  = "other"
	FaultMoved  = "moved" // nobody's: another process serves now, and has the socket in a moment
)

// Failure is why a reload or an upgrade changed nothing.
type Failure struct {
	Fault     string `json:"fault"`
	Reason    string `json:"reason"`              // for people; one line for each problem
	Traceback string `json:"traceback,omitempty"` // the application's
}
