package configs

import "time"

// Config is everything that can be set. A package takes its own section by value, never the whole.
type Config struct {
	App     App      `yaml:"app"`
	HTTP    []HTTP   `yaml:"http"`
	Uwsgi   []Uwsgi  `yaml:"uwsgi"`
	Limits  Limits   `yaml:"limits"`
	Workers Workers  `yaml:"workers"`
	Static  []Static `yaml:"static"`
	Admin   Admin    `yaml:"admin"`
	Control Control  `yaml:"control"`
	Log     Log      `yaml:"log"`
}

// App says what to run.
type App struct {
	// WSGI names the application: MODULE:CALLABLE, MODULE:factory(), or path/to/file.py[:callable].
	WSGI string `yaml:"wsgi"`
	// Chdir is the directory that the application runs in; it is put on sys.path.
	Chdir string `yaml:"chdir"`
	// Python is the interpreter. Empty: $VIRTUAL_ENV/bin/python, then .venv/bin/python below Chdir, then python3.
	Python string `yaml:"python"`
	// Preload imports the application once, before the workers are forked, so that they share its memory.
	Preload bool `yaml:"preload"`
	// Env is added to the environment of the Python processes.
	Env map[string]string `yaml:"env"`
}

// HTTP is one HTTP/1.1 listener.
type HTTP struct {
	Listen         string   `yaml:"listen"`
	Mode           FileMode `yaml:"mode"`
	Owner          string   `yaml:"owner"`
	Group          string   `yaml:"group"`
	TrustedProxies []string `yaml:"trusted_proxies"` // CIDRs or addresses; unix-socket peers always are
}

// Uwsgi is one listener for the uwsgi protocol.
type Uwsgi struct {
	Listen    string   `yaml:"listen"`
	Mode      FileMode `yaml:"mode"`
	Owner     string   `yaml:"owner"`
	Group     string   `yaml:"group"`
	AllowFrom []string `yaml:"allow_from"` // CIDRs or addresses; needed on a public TCP address
}

// Limits bounds what clients may send, and how slowly. Both front ends obey it.
type Limits struct {
	RequestLine     ByteSize      `yaml:"request_line"`      // HTTP method, target and version: 414
	HeaderBlock     ByteSize      `yaml:"header_block"`      // all HTTP header lines, or the uwsgi var block: 431
	HeaderCount     int           `yaml:"header_count"`      // HTTP header lines or uwsgi variables: 431
	Body            ByteSize      `yaml:"body"`              // request body: 413; 0 is no limit
	BodyMemory      ByteSize      `yaml:"body_memory"`       // of a body, held in memory before it goes to a temporary file
	BodyMemoryTotal ByteSize      `yaml:"body_memory_total"` // of all bodies together; beyond it they go to files earlier
	TempDir         string        `yaml:"temp_dir"`          // where bodies are spooled; empty: $TMPDIR or /tmp
	Connections     int           `yaml:"connections"`       // open at once, over all listeners
	HeaderTime      time.Duration `yaml:"header_timeout"`    // from the first byte of a request to the end of its head: 408
	BodyTime        time.Duration `yaml:"body_timeout"`      // between two reads of a body that bring something: 408
	BodyMinRate     ByteSize      `yaml:"body_min_rate"`     // bytes per second, after body_timeout has passed once: 408; 0 is none
	IdleTime        time.Duration `yaml:"idle_timeout"`      // an HTTP connection between two requests
	WriteTime       time.Duration `yaml:"write_timeout"`     // between two writes of a response that make progress
}

// Workers says how many Python processes and threads there are and what they may take.
type Workers struct {
	Processes      Processes     `yaml:"processes"`
	Threads        int           `yaml:"threads"`
	Queue          int           `yaml:"queue"`           // requests in flight or waiting, over all workers: 503 above
	QueueTimeout   time.Duration `yaml:"queue_timeout"`   // waiting for a worker: 503; 0 is none
	RequestTimeout time.Duration `yaml:"request_timeout"` // in the application: 504; 0 is none
	StartTimeout   time.Duration `yaml:"start_timeout"`   // import of the application
	GracePeriod    time.Duration `yaml:"grace_period"`    // for requests in flight at TERM
	CPUScheduling  string        `yaml:"cpu_scheduling"`  // batch or other: of all penknife's processes
	ResponseBuffer ByteSize      `yaml:"response_buffer"` // of a response, taken off the worker for a slow client

	// A worker that reaches one of these is replaced; 0 is none. The jitter shortens the first and the second.
	MaxRequests       int           `yaml:"max_requests"`
	MaxRequestsJitter Percent       `yaml:"max_requests_jitter"`
	MaxLifetime       time.Duration `yaml:"max_lifetime"`
	MaxRSS            ByteSize      `yaml:"max_rss"`
}

// Static is one prefix of paths and the files that are served below it.
type Static struct {
	URL           string            `yaml:"url"`
	Root          string            `yaml:"root"`          // a directory, or one file
	Fallthrough   bool              `yaml:"fallthrough"`   // what is missing goes to the application instead of 404
	Index         []string          `yaml:"index"`         // what a directory is answered with, first that exists
	Fallback      string            `yaml:"fallback"`      // below Root, instead of 404 for pages; empty: none
	Precompressed bool              `yaml:"precompressed"` // use siblings NAME.br, NAME.zst, NAME.gz
	Compress      bool              `yaml:"compress"`      // with gzip what has no sibling, once for each change
	CacheControl  string            `yaml:"cache_control"`
	Immutable     string            `yaml:"immutable"` // ImmutableAuto, ImmutableOff or a pattern
	Headers       map[string]string `yaml:"headers"`
	Types         map[string]string `yaml:"types"`  // extension with its dot -> media type
	Memory        ByteSize          `yaml:"memory"` // for small files; 0 is none
}

// Admin is the listener for /metrics and health.
type Admin struct {
	Listen string `yaml:"listen"` // empty: none
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text or json
	Access string `yaml:"access"` // off or combined
}
