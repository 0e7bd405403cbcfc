package control

import (
	"strings"
	"time"
)

// Report is the whole picture: the answer to GET /report, and to GET /status.json of the admin listener. Fields are
// added to it, and never change their meaning.
type Report struct {
	Status
	At        time.Time   `json:"at"` // when this was read
	Ready     bool        `json:"ready"`
	NotReady  string      `json:"not_ready,omitempty"` // why /readyz says 503
	GoVersion string      `json:"go"`
	CPUs      int         `json:"machine_cpus"`
	Traffic   Traffic     `json:"traffic"`
	Memory    Memory      `json:"memory"`
	History   []Sample    `json:"history"`         // one for each second in which there was something, oldest first
	Running   []Running   `json:"running"`         // what workers are doing, longest first, bounded
	Errors    []Incident  `json:"errors"`          // the latest ones, latest first, bounded
	ErrorsAll uint64      `json:"errors_total"`    // since the start, those that are forgotten included
	Past      []Reloaded  `json:"reload_history"`  // latest first, bounded
	Settings  []Setting   `json:"config_in_force"` // every key, passwords blotted out
	Cache     *CacheStats `json:"cache,omitempty"` // nil: there is none
}

// Traffic counts requests since the start.
type Traffic struct {
	Requests uint64    `json:"requests"`
	Classes  [6]uint64 `json:"classes"` // without an answer, then 1xx to 5xx
	Latency  Latency   `json:"latency"` // from the first byte of the request to the last of the answer
	Queue    Latency   `json:"queue"`   // waiting for a worker
	App      Latency   `json:"application"`
}

// Latency is percentiles in seconds; zeros when there was no request.
type Latency struct {
	P50 float64 `json:"p50_seconds"`
	P95 float64 `json:"p95_seconds"`
	P99 float64 `json:"p99_seconds"`
}

// Memory is resident memory in bytes; 0 when nobody can tell. Pages that processes share count in each of them.
type Memory struct {
	Server  int64 `json:"server_bytes"` // penknife itself
	Zygote  int64 `json:"zygote_bytes"`
	Workers int64 `json:"workers_bytes"` // the sum, of all generations
}

// Sample is about one second. While nobody asks for anything and nobody looks, there are none.
type Sample struct {
	At       time.Time `json:"at"`      // its end
	Seconds  float64   `json:"seconds"` // its length
	Requests uint64    `json:"requests"`
	Errors   uint64    `json:"errors"` // of them: 5xx
	Latency  Latency   `json:"latency"`
	Waiting  int       `json:"waiting"` // at its end, as the rest
	Busy     int       `json:"busy"`
	Threads  int       `json:"threads"`
	Ready    int       `json:"ready"`
	CPU      float64   `json:"cpus"`         // processors that penknife and its processes use
	Memory   int64     `json:"memory_bytes"` // everything in Memory
}

// Running is a request that is in flight.
type Running struct {
	Generation uint64  `json:"generation"`
	Request    uint64  `json:"request"`
	State      string  `json:"state"`  // waiting, running, sending, or abandoned: nobody waits for it any more
	Worker     int     `json:"worker"` // index, -1 while it waits
	Thread     int     `json:"thread"` // -1 while it waits
	Method     string  `json:"method"`
	Path       string  `json:"path"` // as the client wrote it, bounded, without its query
	Client     string  `json:"client"`
	Age        float64 `json:"age_seconds"`         // since it was put into the queue
	App        float64 `json:"application_seconds"` // since a worker took it
}

// Incident is an error with all its repetitions.
type Incident struct {
	First   time.Time         `json:"first"`
	Last    time.Time         `json:"last"`
	Count   int               `json:"count"`
	Message string            `json:"message"`
	Text    string            `json:"text,omitempty"` // traceback or output
	Details map[string]string `json:"details,omitempty"`
}

// Headline is the line of Text that says what happened: for a traceback its exception, for a dump of stacks its first
// line, else the last line. It is empty when there is no text, and untrusted as Text is.
func (i *Incident) Headline() string {
	text := strings.TrimSpace(i.Text)
	if strings.HasPrefix(text, "Fatal Python error: ") {
		first, _, _ := strings.Cut(text, "\n")
		return first
	}
	if at := strings.LastIndex("\n"+text, "\n"+tracebackHead); at >= 0 {
		for line := range strings.Lines(text[at+len(tracebackHead):]) {
			if line = strings.TrimRight(line, "\n"); line != "" && line[0] != ' ' {
				return line // what follows belongs to the exception's own text
			}
		}
	}
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

const tracebackHead = "Traceback (most recent call last):"

// Setting is one key of the configuration in force.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Source  string `json:"source"` // "default", "penknife.yaml:3", "$PENKNIFE_HTTP", "--http"
	Default bool   `json:"default"`
}
