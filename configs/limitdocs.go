package configs

// limitDoc says what happens where a value of the configuration ends something. Texts are Markdown. A test sees to it that
// the metrics and the quoted messages exist.
type limitDoc struct {
	what    string // what is limited, in a few words
	client  string // what the client of the request gets
	log     string // the message, in backquotes, or why there is none
	counter string // the metrics, in backquotes; empty where nothing is refused or ended
}

// What many rows say.
const (
	nothing   = "nothing"
	noLog     = "none: it is normal"
	failed    = "`request failed`"
	inTheLog  = "`request failed` over HTTP, `request refused` over uwsgi"
	replacing = "`worker has reached a limit` (debug)"
)

func protocolErrors(reasons ...string) string {
	return labelled("penknife_protocol_errors_total", "reason", reasons...)
}

func requestErrors(kinds ...string) string {
	return labelled("penknife_request_errors_total", "kind", kinds...)
}

func retirements(reasons ...string) string {
	return labelled("penknife_worker_retirements_total", "reason", reasons...)
}

func labelled(metric, label string, values ...string) string {
	text := ""
	for i, value := range values {
		if i > 0 {
			text += ", "
		}
		text += "`" + metric + "{" + label + "=\"" + value + "\"}`"
	}
	return text
}

// clientLimits are about what clients send and take.
var clientLimits = map[string]limitDoc{
	"limits.request_line": {"method, target and version of an HTTP request", "414", failed, protocolErrors("long_line")},
	"limits.header_block": {"all HTTP header lines, or the variables of a uwsgi packet", "431", inTheLog,
		protocolErrors("long_head", "large_block")},
	"limits.header_count": {"how many there are", "431", inTheLog, protocolErrors("many_fields", "many_vars")},
	"limits.body":         {"a request body", "413", failed, protocolErrors("large_body")},
	"limits.body_memory": {"of a body in memory; the rest goes to a file", nothing + "; 507 when the disk is full or broken", noLog,
		"`penknife_request_body_bytes_total{spool=\"file\"}`"},
	"limits.body_memory_total": {"of all bodies in memory", nothing + ": files are used earlier", noLog,
		"`penknife_request_body_bytes_total{spool=\"file\"}`"},
	"limits.connections": {"connections open at once", "503, Retry-After, and a close", "`connection refused`",
		labelled("penknife_connections_refused_total", "reason", "connections")},
	"limits.client_connections": {"HTTP connections of one address", "429, Retry-After, and a close", "`connection refused`",
		labelled("penknife_connections_refused_total", "reason", "client_connections")},
	"limits.client_rate": {"requests per second of one address", "429, Retry-After", "`too many requests`",
		requestErrors("too_many_requests")},
	"limits.client_burst":     {"the same, at once", "429, Retry-After", "`too many requests`", requestErrors("too_many_requests")},
	"limits.client_addresses": {"addresses whose rate is known", nothing + ": others begin anew", noLog, "`penknife_clients_forgotten_total`"},
	"limits.proxy_header": {"a header of the [PROXY protocol](access.md#proxy-protocol)", "a close", "`connection refused`",
		protocolErrors("proxy_large")},
	"limits.tls_handshake_timeout": {"a connection to a listener with [TLS](tls.md), from its beginning to the end of the handshake", "a close",
		"`tls handshake failed`, once a minute", labelled("penknife_tls_handshakes_total", "result", "timeout")},
	"limits.header_timeout": {"from a request's first byte to the end of its head; from the connection to the end of its PROXY protocol header",
		"408; a close", inTheLog, protocolErrors("slow_head", "proxy_slow")},
	"limits.body_timeout": {"silence while a request body arrives", "408", failed, protocolErrors("slow_body")},
	"limits.body_min_rate": {"the rate of a request body, in bytes per second, once `body_timeout` has passed", "408", failed,
		protocolErrors("slow_body")},
	"limits.idle_timeout": {"an HTTP connection without a request", "the connection is closed", noLog,
		"`penknife_connections_idle_closed_total`"},
	"limits.write_timeout": {"a client that takes nothing of its answer, or too little", "a cut connection", failed + " (debug)",
		protocolErrors("slow_reader")},
	"limits.write_min_rate": {"the rate, in bytes per second, at which a client takes an answer that waits for it, for `write_timeout`", "a cut connection",
		failed + " (debug)", protocolErrors("slow_reader")},
}

// workerLimits are about what the application takes.
var workerLimits = map[string]limitDoc{
	"workers.queue":         {"requests that wait for a worker", "503, Retry-After", failed, requestErrors("overloaded")},
	"workers.queue_timeout": {"waiting for a free worker", "503, Retry-After", failed, requestErrors("queue_timeout")},
	"workers.start_timeout": {"the import of the application, and each worker until it is ready", "503 while no worker is there",
		"`worker was not ready in time (workers.start_timeout)`, and at 90 % the stacks of the process that hangs; at the start exit code 3",
		retirements("start_timeout")},
	"workers.request_timeout": {"the application's silence: until its headers, then between two blocks",
		"504; a cut connection after the headers", "`request timeout`, `stacks of all threads`",
		"`penknife_requests_overdue_total`, " + requestErrors("request_timeout")},
	"workers.interrupt_grace": {"how long the application has to come back after that", "it has its 504",
		"`request timeout: the application did not give way to the exception`", "`penknife_overdue_outcomes_total{outcome=\"replaced\"}`"},
	"workers.grace_period": {"requests in flight at SIGTERM, or in a generation that a reload has replaced",
		"its answer; 502 when the time is over",
		"`requests were cut: the time for stopping was over (workers.grace_period)`, `replaced generation stopped; its last requests were cut (workers.grace_period)`",
		"`penknife_requests_cut_total`, " + requestErrors("worker_died")},
	"workers.response_buffer": {"of a response taken off the worker for a slow client", nothing + ": then the worker waits", noLog, ""},
	"workers.max_requests":    {"requests of a worker", nothing + ": its successor is ready first", replacing, retirements("max_requests")},
	"workers.max_lifetime":    {"the age of a worker", nothing, replacing, retirements("max_lifetime")},
	"workers.max_rss":         {"the memory of a worker", nothing, replacing, retirements("max_rss")},
	"workers.max_cpu_time":    {"the processor time of a worker", nothing, replacing, retirements("max_cpu_time")},
}

// otherLimits are about what penknife keeps and writes beside requests.
var otherLimits = map[string]limitDoc{
	"static.memory": {"small files in memory", nothing + ": others come from the disk", noLog, "`penknife_static_memory_bytes`"},
	"cache.size": {"stored answers, keys and header fields included", nothing + ": the least useful ones go", noLog,
		"`penknife_cache_removed_total{reason=\"room\"}`"},
	"cache.max_object": {"the body of a stored answer", "the application's answer, which is not stored", noLog,
		"`penknife_cache_answers_total{reason=\"too_large\"}`"},
	"cache.rules.max_object": {"the same, below a path", "the same", noLog, "the same"},
	"cache.wait": {"waiting for another request that fetches the same", nothing + ": it asks the application itself", noLog,
		"`penknife_cache_requests_total{outcome=\"miss\"}`"},
	"cache.revalidations": {"answers that are fetched anew in the background at a time", nothing + ": a stale answer stays stale for longer",
		noLog, "`penknife_cache_requests_total{outcome=\"stale\"}`"},
	"cache.redis_timeout": {"one operation of Redis", nothing + ": it goes on with what is in memory",
		"`redis is away; the cache works with what is in memory`", "`penknife_cache_redis_failures_total`"},
	"app_cache.size": {"what `penknife.cache` keeps", nothing + ": the least useful entries go", noLog,
		"`penknife_app_cache_removed_total{reason=\"room\"}`"},
	"app_cache.max_value": {"a value, with its key", "what the application makes of `ValueTooLarge`", "the application's own",
		"`penknife_app_cache_refused_total`"},
	"app_cache.copies": {"copies that workers read without asking", nothing + ": they ask", noLog, ""},
	"app_cache.channels": {"threads of a process that call penknife", "what the application makes of the exception",
		"`a process of the application has too many channels; further ones are refused`", "`penknife_app_channels_refused_total`"},
	"app_metrics.metrics": {"metrics of the application", nothing + ": further ones are not kept",
		"`the application has too many metrics; further ones are not kept`", "`penknife_app_metrics_rejected_total`"},
	"app_metrics.series": {"their time series", nothing + ": further ones are not kept",
		"`the application has too many metrics; further ones are not kept`", "`penknife_app_metrics_rejected_total`"},
	"log.buffer": {"of each log, while its output does not take it", nothing + ": lines are dropped", "`lines dropped: the output is too slow (log.buffer)`, when it goes on",
		"`penknife_log_dropped_total`"},
	"log.access_value": {"a value in a line of the access log", nothing + ": the line has its beginning", noLog, ""},
	"log.slow":         {"nothing: the request goes on", "its answer", "`slow request`", "`penknife_requests_slow_total`"},
	"log.app_rate": {"lines of output of a worker, per second", nothing + ": lines are dropped",
		"`output dropped: the worker writes more than log.app_rate`", "`penknife_log_app_dropped_total`"},
	"log.app_burst": {"the same, at once", nothing, "the same", "the same"},
	"log.app_line":  {"a line of output of a worker", nothing + ": it becomes several", noLog, ""},
	"tracing.timeout": {"an export of spans", nothing + ": they are lost", "`tracing: the collector does not take spans`",
		"`penknife_tracing_spans_total{result=\"dropped\"}`"},
	"tracing.queue":        {"spans that wait for the collector", nothing + ": they are lost", "the same", "the same"},
	"daemons.stop_timeout": {"a daemon that was told to end", nothing + ": it is killed", "`daemon stopped`", ""},
	"cron.timeout": {"a run of a job", nothing + ": it is ended", "`job done`, with `result=timeout`",
		"`penknife_cron_runs_total{result=\"timeout\"}`"},
}
