package configs

import "time"

// Workers says how many Python processes and threads there are and what they may take.
type Workers struct {
	Processes      Processes     `yaml:"processes"`
	MaxProcesses   int           `yaml:"max_processes"` // of a fixed number, by hand; see MostProcesses
	Scaling        Scaling       `yaml:"scaling"`
	Reload         string        `yaml:"reload"` // generation or rolling
	Threads        int           `yaml:"threads"`
	Queue          int           `yaml:"queue"`           // requests in flight or waiting, over all workers: 503 above
	QueueTimeout   time.Duration `yaml:"queue_timeout"`   // waiting for a worker: 503; 0 is none
	RequestTimeout time.Duration `yaml:"request_timeout"` // in the application: 504; 0 is none
	Interrupt      bool          `yaml:"interrupt"`       // by an exception in the application, at request_timeout
	InterruptGrace time.Duration `yaml:"interrupt_grace"` // for it to come back; then the worker is replaced
	StartTimeout   time.Duration `yaml:"start_timeout"`   // import of the application
	GracePeriod    time.Duration `yaml:"grace_period"`    // for requests in flight at TERM
	CPUScheduling  string        `yaml:"cpu_scheduling"`  // auto, batch or other: of all penknife's processes
	OOMScoreAdj    int           `yaml:"oom_score_adj"`   // of the workers, above penknife's own
	ResponseBuffer ByteSize      `yaml:"response_buffer"` // of a response, taken off the worker for a slow client

	// A worker that reaches one of these is replaced; 0 is none. The jitter shortens all but the memory.
	MaxRequests       int           `yaml:"max_requests"`
	MaxRequestsJitter Percent       `yaml:"max_requests_jitter"`
	MaxLifetime       time.Duration `yaml:"max_lifetime"`
	MaxRSS            ByteSize      `yaml:"max_rss"`
	MaxCPUTime        time.Duration `yaml:"max_cpu_time"`
	MaxUnavailable    int           `yaml:"max_unavailable"` // workers that are replaced at a time
}

// How a reload replaces the workers.
const (
	ReloadGeneration = "generation"
	ReloadRolling    = "rolling"
)

// workerDocs says what reflection cannot know about the keys of this file.
var workerDocs = map[string]keyDoc{
	"workers.reload": {choices: []string{ReloadGeneration, ReloadRolling},
		doc: "How a reload replaces the workers: `generation` starts all new ones beside the old ones and then switches, " +
			"`rolling` replaces `workers.max_unavailable` at a time, where memory is short; meanwhile old and new code serve. " +
			"See [reload.md](reload.md#rolling)."},
	"workers.threads": {flag: "threads", min: 1, max: 1024,
		doc: "Threads in each process. More than 1 needs an application that is thread-safe."},
	"workers.queue": {flag: "queue", min: 1, max: 1 << 16,
		doc: "How many requests may wait for a worker, beside those that run: 503 above. A worker that starts counts " +
			"from its start."},
	"workers.queue_timeout": {flag: "queue-timeout", max: day,
		doc: "How long a request may wait for a worker: 503. 0 is no limit."},
	"workers.request_timeout": {flag: "request-timeout", max: day,
		doc: "How long the application may take for a request, and later between two blocks of its answer: 504, and the " +
			"Python stacks go to the log. Then see `workers.interrupt`. 0 is no limit."},
	"workers.interrupt": {
		doc: "Whether `penknife.RequestTimeout` is raised in the application at `workers.request_timeout`, so that it can " +
			"clean up and the worker lives on. Without, the worker is replaced at once."},
	"workers.interrupt_grace": {min: int64(100 * time.Millisecond), max: day,
		doc: "How long the application has to come back after that exception. Then the worker is replaced."},
	"workers.start_timeout": {flag: "start-timeout", min: int64(time.Second), max: day,
		doc: "How long the import of the application may take."},
	"workers.grace_period": {flag: "grace-period", max: day,
		doc: "How long requests in flight may go on after SIGTERM. Keep it below the time after which the system's " +
			"own supervisor kills (systemd: TimeoutStopSec 90 s, Kubernetes: 30 s, Docker: 10 s)."},
	"workers.cpu_scheduling": {choices: []string{"auto", "batch", "other"},
		doc: "How the kernel schedules penknife and its workers. With `batch` (SCHED_BATCH) a process that wakes up " +
			"lets the one on its CPU finish its turn, so that work is done in batches instead of switching for " +
			"each request. With `auto` the main process may interrupt workers while it has little to do and would wait long for a CPU, " +
			"so that a static file does not wait for a page that takes long. `other` is the system's normal policy for all. A policy that penknife " +
			"was started with, such as systemd's `CPUSchedulingPolicy`, is kept, but `auto` takes SCHED_BATCH for its own."},
	"workers.oom_score_adj": {max: 1000,
		doc: "How much rather than penknife itself the kernel ends a worker when memory runs out: added to penknife's own " +
			"`oom_score_adj`. A worker is replaced, and its clients get 502; without penknife there is nobody."},
	"workers.response_buffer": {min: 4 << 10, max: 64 << 20,
		doc: "How much of a response is taken off its worker ahead of a slow client."},
	"workers.max_requests": {flag: "max-requests", max: 1 << 40,
		doc: "After about this many requests a worker is replaced: its successor is ready before it leaves. 0 is no limit."},
	"workers.max_requests_jitter": {max: 100,
		doc: "By how much `workers.max_requests`, `workers.max_lifetime` and `workers.max_cpu_time` are shortened at most, at random for each " +
			"worker, so that they do not all reach them at once."},
	"workers.max_lifetime": {flag: "max-lifetime", max: 365 * day,
		doc: "After this time a worker is replaced in the same way. 0 is no limit, else at least 1s."},
	"workers.max_rss": {flag: "max-rss", max: 1 << 50,
		doc: "A worker whose resident memory, without what is backed by files or shared, is above this is replaced in the " +
			"same way. It is measured every 2 s at most, after requests. 0 is no limit."},
	"workers.max_cpu_time": {flag: "max-cpu-time", max: 365 * day,
		doc: "A worker process that has used more processor time is replaced in the same way. It is looked at every 2 s at " +
			"most, while there are requests. 0 is no limit, else at least 1s."},
	"workers.max_unavailable": {min: 1, max: processesLimit,
		doc: "How many workers are replaced at a time, when limits or a rolling reload ask for it. Successors are ready before " +
			"their predecessors leave, so this many processes more than `workers.processes` may exist, and this many " +
			"again that finish their last requests."},
}

// leastRSS is less than any Python process has: a number below it was meant in another unit, as in uWSGI's reload-on-rss.
const leastRSS = 4 << 20

func (c *checker) maxRSS() {
	if size := c.loaded.Config.Workers.MaxRSS; size > 0 && size < leastRSS {
		c.complain("workers.max_rss", "%s is smaller than any worker: write 400MiB for 400 mebibytes", size)
	}
}
