package configs

import "time"

// keyDoc is what reflection cannot know about a key. The bounds are in the unit of the field (bytes, nanoseconds,
// pieces) and hold when max is not 0.
type keyDoc struct {
	flag     string
	choices  []string
	min, max int64
	doc      string
}

const day = int64(24 * time.Hour)

// sectionDocs says what each section is for.
var sectionDocs = map[string]string{
	"app": "What to run.",
	"http": "Listeners for HTTP/1.1, a list. When neither `http` nor `uwsgi` is set, there is one on " + DefaultListen +
		", or on 0.0.0.0:$PORT if `$PORT` is set.",
	"uwsgi":   "Listeners for the uwsgi protocol (nginx `uwsgi_pass`), a list.",
	"limits":  "What clients may send, and how slowly. Both kinds of listener obey.",
	"workers": "How many Python processes and threads there are, and what they may take.",
	"static":  "Files that are served without the application, a list. See [static.md](static.md).",
	"admin":   "The listener for /metrics, /livez and /readyz.",
	"control": "The socket for `penknife status`, `reload` and `stop`.",
	"log":     "What is written to standard error, and how.",
}

// keyDocs has one entry for each key; a test compares it with the struct.
var keyDocs = map[string]keyDoc{
	"app.wsgi": {doc: "The application: `MODULE:CALLABLE`, `MODULE:factory()` or `path/to/file.py[:callable]`. Without " +
		"a callable, `application` and then `app` are tried. On the command line it is the argument of `penknife serve`."},
	"app.chdir": {flag: "chdir", doc: "The directory that the application runs in. It is put on `sys.path`. " +
		"Empty: where penknife was started."},
	"app.python": {flag: "python", doc: "The Python interpreter (CPython 3.10 or later): a path, a virtualenv's " +
		"directory, or a command on `$PATH`. A relative path is taken from `app.chdir`. Empty: `$VIRTUAL_ENV/bin/python`, then `.venv/bin/python` below `app.chdir`, then `python3`."},
	"app.preload": {flag: "preload", doc: "Import the application once and fork the workers from that process, so " +
		"that they share its memory. False: each worker imports for itself."},
	"app.env": {doc: "Added to the environment of the Python processes, which is otherwise penknife's own."},

	"http": {flag: "http", doc: "In the file a list of mappings with the keys below; in the environment and on the " +
		"command line addresses only, which replace the whole list."},
	"http.listen": {doc: listenDoc},
	"http.mode":   {doc: modeDoc},
	"http.owner":  {doc: ownerDoc},
	"http.group":  {doc: groupDoc},
	"http.trusted_proxies": {doc: "Addresses and networks (`10.0.0.0/8`) whose `X-Forwarded-*` headers " +
		"count, and `Forwarded` if it comes without them. Peers on a unix socket are always trusted, nobody else is."},

	"uwsgi": {flag: "uwsgi", doc: "In the file a list of mappings with the keys below; in the environment and on the " +
		"command line addresses only, which replace the whole list."},
	"uwsgi.listen": {doc: listenDoc},
	"uwsgi.mode":   {doc: modeDoc},
	"uwsgi.owner":  {doc: ownerDoc},
	"uwsgi.group":  {doc: groupDoc},
	"uwsgi.allow_from": {doc: "Addresses and networks (`10.0.0.0/8`) that may connect over TCP. A public address needs " +
		"it, because whoever reaches a uwsgi listener can forge every variable, the user's name included."},

	"limits.request_line": {min: 1 << 10, max: 1 << 20,
		doc: "Method, target and version of an HTTP request: 414 above."},
	"limits.header_block": {min: 1 << 10, max: 8 << 20,
		doc: "All header lines of an HTTP request, or the variables of a uwsgi packet: 431 above."},
	"limits.header_count": {min: 1, max: 100_000,
		doc: "Header lines of an HTTP request, or variables of a uwsgi packet: 431 above."},
	"limits.body": {flag: "max-body", max: 1 << 50,
		doc: "A request body: 413 above. 0 is no limit. The front server's own limit (nginx: client_max_body_size, " +
			"1 MiB unless set) comes first."},
	"limits.body_memory": {max: 1 << 30,
		doc: "How much of a request body is held in memory before it goes to an unlinked file in `limits.temp_dir`."},
	"limits.body_memory_total": {min: 0, max: 1 << 40,
		doc: "How much memory all request bodies together may take (beyond 64KiB each). When it is used up, a body goes " +
			"to its temporary file as soon as it is longer than 64KiB."},
	"limits.temp_dir": {doc: "Where large request bodies wait for a worker. Empty: `$TMPDIR`, then `/tmp`."},
	"limits.connections": {min: 1, max: 1 << 20,
		doc: "Client connections open at once, over all listeners. Further ones are turned away with 503."},
	"limits.header_timeout": {min: int64(100 * time.Millisecond), max: day,
		doc: "From the first byte of a request to the end of its head: 408."},
	"limits.body_timeout": {min: int64(100 * time.Millisecond), max: day,
		doc: "Longest silence while a request body arrives: 408."},
	"limits.body_min_rate": {max: 1 << 40,
		doc: "Bytes per second that a request body must bring on average once `limits.body_timeout` has passed: 408. " +
			"0 is none."},
	"limits.idle_timeout": {min: int64(100 * time.Millisecond), max: day,
		doc: "How long an HTTP connection may wait for its next request. Above the 60 s for which nginx and load " +
			"balancers keep theirs, so that they close first."},
	"limits.write_timeout": {min: int64(100 * time.Millisecond), max: day,
		doc: "Longest time in which a client takes no byte of a response before it is cut off."},

	"workers.processes": {flag: "processes", max: 1024,
		doc: "Worker processes. `auto` is one for each CPU that penknife may use, or `$WEB_CONCURRENCY` if that is set."},
	"workers.threads": {flag: "threads", min: 1, max: 1024,
		doc: "Threads in each process. More than 1 needs an application that is thread-safe."},
	"workers.queue": {flag: "queue", min: 1, max: 1 << 16,
		doc: "How many requests may wait for a worker, beside those that run: 503 above."},
	"workers.queue_timeout": {flag: "queue-timeout", max: day,
		doc: "How long a request may wait for a worker: 503. 0 is no limit."},
	"workers.request_timeout": {flag: "request-timeout", max: day,
		doc: "How long the application may take for a request: 504, the Python stacks go to the log, and the worker " +
			"is replaced. 0 is no limit."},
	"workers.start_timeout": {flag: "start-timeout", min: int64(time.Second), max: day,
		doc: "How long the import of the application may take."},
	"workers.grace_period": {flag: "grace-period", max: day,
		doc: "How long requests in flight may go on after SIGTERM. Keep it below the time after which the system's " +
			"own supervisor kills (systemd: TimeoutStopSec 90 s, Kubernetes: 30 s, Docker: 10 s)."},
	"workers.cpu_scheduling": {choices: []string{"batch", "other"},
		doc: "How the kernel schedules penknife and its workers. With `batch` (SCHED_BATCH) a process that wakes up " +
			"lets the one on its CPU finish its turn, so that work is done in batches instead of switching for " +
			"each request. `other` is the system's normal policy. A policy that penknife was started with, such " +
			"as systemd's `CPUSchedulingPolicy`, is kept."},
	"workers.response_buffer": {min: 4 << 10, max: 64 << 20,
		doc: "How much of a response is taken off its worker ahead of a slow client."},
	"workers.max_requests": {flag: "max-requests", max: 1 << 40,
		doc: "After about this many requests a worker is replaced: its successor is ready before it leaves. 0 is no limit."},
	"workers.max_requests_jitter": {max: 100,
		doc: "By how much `workers.max_requests` and `workers.max_lifetime` are shortened at most, at random for each " +
			"worker, so that they do not all reach them at once."},
	"workers.max_lifetime": {flag: "max-lifetime", max: 365 * day,
		doc: "After this time a worker is replaced in the same way. 0 is no limit, else at least 1s."},
	"workers.max_rss": {flag: "max-rss", max: 1 << 50,
		doc: "A worker whose resident memory, without what is backed by files or shared, is above this is replaced in the " +
			"same way. It is measured every 2 s at most, after requests. 0 is no limit."},

	"static": {flag: "static", doc: "In the file a list of mappings with the keys below; in the environment and on the " +
		"command line `URL=ROOT` only, which replace the whole list; an entry of the file with the same URL keeps its other keys."},
	"static.url": {doc: "The prefix of the paths, such as `/static/`. It counts at a slash only, and the longest one wins. " +
		"`/` is everything."},
	"static.root": {doc: "The directory with the files, or one file. It may be a symbolic link; links in it that lead " +
		"out of it are not followed."},
	"static.fallthrough": {doc: "What is missing, and any method but GET and HEAD, goes to the application. False: 404 and 405."},
	"static.index":       {doc: "What a directory is answered with: the first of these files that it has. `[]` is none."},
	"static.fallback": {doc: "A file below the root that answers, with status 200, for pages that do not exist: for applications " +
		"that do their routing in the browser. A path with a dot in its last segment counts only if the client accepts text/html."},
	"static.precompressed": {doc: "Send the siblings `NAME.br`, `NAME.zst` and `NAME.gz` to clients that accept them. One that is " +
		"more than a minute older than the file itself, or not smaller, is not used."},
	"static.compress": {doc: "Compress files from 512 bytes to 1 MiB that have no such sibling with gzip, when they are first asked " +
		"for, and hold the result in `static.memory`. Only types that get smaller by it."},
	"static.cache_control": {doc: "The `Cache-Control` of the answers, such as `max-age=3600`. Empty: none."},
	"static.immutable": {doc: "Which names never change their content and get `public, max-age=31536000, immutable`: `auto` are " +
		"those with a hash of 8 or more hexadecimal digits (`base.55e7cbb9ba48.css`, `app-3f9a21bc.js`), `off` are none, anything " +
		"else is a regular expression for paths below the root."},
	"static.headers": {doc: "Further header fields of the answers, by name."},
	"static.types":   {doc: "Media types by extension, such as `{.usdz: model/vnd.usdz+zip}`, before penknife's own and the system's."},
	"static.memory": {doc: "How much memory small files (up to 64 KiB) may take. What is in it is compared with the disk for each " +
		"request. 0 is none."},

	"admin.listen": {flag: "admin", doc: "Address of the admin listener, such as `127.0.0.1:9191`. Empty: none, so " +
		"that two instances on one machine never collide. It has no access control: keep it private."},

	"control.listen": {flag: "control", doc: "`unix:PATH`, `unix:@abstract` or `off`. Only root and the user that penknife " +
		"runs as may speak there. Empty: the first unix socket among `uwsgi` and `http` with `.control` behind its name, or " +
		"else a file in `$XDG_RUNTIME_DIR/penknife` (without that variable `/run/penknife` for root, `/tmp/penknife-UID` " +
		"for others) that is named after the first listener."},

	"log.level": {flag: "log-level", choices: []string{"debug", "info", "warn", "error"},
		doc: "The least important messages that are written."},
	"log.format": {flag: "log-format", choices: []string{"text", "json"}, doc: "How messages are written."},
	"log.access": {flag: "access-log", choices: []string{"off", "combined"},
		doc: "One line for each request in the combined format of Apache and nginx, to standard output."},
}

const (
	listenDoc = "`HOST:PORT`, `:PORT` (loopback; say `0.0.0.0:PORT` to be public), `unix:PATH` or `unix:@abstract`."
	modeDoc   = "Permissions of a unix socket."
	ownerDoc  = "Owner of a unix socket, a name or a number. Empty: whoever runs penknife."
	groupDoc  = "Group of a unix socket, a name or a number. Empty: that of whoever runs penknife."
)

// notBuilt names sections and keys that belong to penknife but not to this build, so that a configuration that
// counts on them is refused with the reason.
var notBuilt = map[string]string{
	"cache": "this build has no response cache: remove the key",
}

// NotBuilt tells what this build lacks if the path is one of those that a later one will have.
func NotBuilt(path string) (reason string, lacking bool) {
	reason, lacking = notBuilt[path]
	return reason, lacking
}
