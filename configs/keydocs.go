package configs

import (
	"regexp"
	"time"
)

// keyDoc is what reflection cannot know about a key. The bounds are in the unit of the field (bytes, nanoseconds,
// pieces) and hold when max is not 0.
type keyDoc struct {
	flag     string
	choices  []string
	single   bool // one text may stand for a list of them
	min, max int64
	doc      string
}

const day = int64(24 * time.Hour)

// sectionDocs says what each section is for.
var sectionDocs = map[string]string{
	"app": "What to run.",
	"http": "Listeners for HTTP/1.1, a list. When neither `http` nor `uwsgi` is set, there is one on " + DefaultListen +
		", or on 0.0.0.0:$PORT if `$PORT` is set.",
	"uwsgi":       "Listeners for the uwsgi protocol (nginx `uwsgi_pass`), a list.",
	"acme":        "Certificates that penknife gets and renews by itself, for listeners with `tls.acme`. See [tls.md](tls.md#certificates-by-acme).",
	"limits":      "What clients may send, and how slowly. Both kinds of listener obey.",
	"access":      "Who may ask for which paths, a list. See [access.md](access.md#paths).",
	"workers":     "How many Python processes and threads there are, and what they may take.",
	"static":      "Files that are served without the application, a list. See [static.md](static.md).",
	"sendfile":    "Files that the application names and penknife sends. See [static.md](static.md#files-that-the-application-names).",
	"app_cache":   "What the application's Python code keeps in penknife (`penknife.cache`), with or without a response cache. See [python-cache.md](python-cache.md).",
	"app_metrics": "Metrics that the application's Python code makes (`penknife.metrics`). See [python-metrics.md](python-metrics.md).",
	"stats":       "The listener for tools that know uWSGI's stats server.",
	"daemons":     "Commands that run beside the application. See [daemons-and-cron.md](daemons-and-cron.md).",
	"cron":        "Commands and functions on a schedule. See [daemons-and-cron.md](daemons-and-cron.md).",
	"cache":       "The shared cache of responses in front of the application. See [cache.md](cache.md).",
	"admin":       "The listener for /metrics, /livez and /readyz.",
	"control":     "The socket for `penknife status`, `reload`, `upgrade`, `stop` and the like.",
	"process":     "What the operating system is told about penknife's process: user, limits, pidfile.",
	"log":         "What is written to standard error, and how.",
	"tracing":     "Spans of requests for OpenTelemetry. See [tracing.md](tracing.md).",
}

// allDocs lists what each section's file says about its keys.
var allDocs = []map[string]keyDoc{
	appDocs,
	listenerDocs,
	tlsDocs, acmeDocs,
	limitDocs,
	accessDocs,
	workerDocs,
	processesDocs,
	scalingDocs,
	staticDocs,
	sendfileDocs,
	cacheDocs, cacheStorageDocs,
	appCacheDocs, appMetricDocs,
	adminDocs,
	controlDocs,
	logDocs, processDocs, tracingDocs,
	sidecarDocs,
	statsDocs,
}

// indexes are the numbers of entries in a path.
var indexes = regexp.MustCompile(`\[\d+\]`)

// docOf gives what is said about a key; a test sees to it that every key has something.
func docOf(path string) keyDoc {
	path = indexes.ReplaceAllString(path, "")
	for _, docs := range allDocs {
		if d, there := docs[path]; there {
			return d
		}
	}
	return keyDoc{}
}
