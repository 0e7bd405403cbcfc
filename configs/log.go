package configs

import "time"

// Log says what is logged, how, and to where.
type Log struct {
	Level    string   `yaml:"level"`     // debug, info, warn, error
	Format   string   `yaml:"format"`    // text or json
	Output   string   `yaml:"output"`    // stderr, stdout, syslog, journald
	File     string   `yaml:"file"`      // instead of output
	FileMode FileMode `yaml:"file_mode"` // of files that are created
	Buffer   ByteSize `yaml:"buffer"`    // that waits in memory for an output that does not take it

	Access       string        `yaml:"access"`        // off, the name of a format, or a format
	AccessOutput string        `yaml:"access_output"` // stdout, stderr, syslog, journald
	AccessFile   string        `yaml:"access_file"`   // instead of access_output
	AccessValue  ByteSize      `yaml:"access_value"`  // longest value
	AccessDelay  time.Duration `yaml:"access_delay"`  // longest time that a line waits for others
	AccessStatus int           `yaml:"access_status"` // the least status that has a line; 0: all
	AccessSlow   time.Duration `yaml:"access_slow"`   // requests that took so long have a line; 0: no matter how long

	Slow time.Duration `yaml:"slow"` // a request that takes the application longer has a record while it runs; 0: none

	RequestIDHeader   string `yaml:"request_id_header"`   // empty: requests have no identifier
	RequestIDResponse bool   `yaml:"request_id_response"` // answers carry it too

	SyslogAddress  string `yaml:"syslog_address"`
	SyslogFacility string `yaml:"syslog_facility"`
	SyslogFormat   string `yaml:"syslog_format"` // auto, rfc3164, rfc5424
	SyslogTag      string `yaml:"syslog_tag"`    // the journal's SYSLOG_IDENTIFIER too
	JournalSocket  string `yaml:"journal_socket"`

	AppRate   int      `yaml:"app_rate"`   // lines per second of each worker; 0 is no limit
	AppBurst  int      `yaml:"app_burst"`  // lines at once
	AppLine   ByteSize `yaml:"app_line"`   // longest line; a longer one becomes several
	AppFormat string   `yaml:"app_format"` // wrap or raw
}

// logOutputs are where logs go that go to no file.
var logOutputs = []string{"stderr", "stdout", "syslog", "journald"}

// logDocs says what reflection cannot know about the keys of this file.
var logDocs = map[string]keyDoc{
	"log.level": {flag: "log-level", choices: []string{"debug", "info", "warn", "error"},
		doc: "The least important messages that are written. A reload takes it over."},
	"log.format": {flag: "log-format", choices: []string{"text", "json"}, doc: "How messages are written."},
	"log.output": {choices: logOutputs, doc: "Where messages go. See [logs.md](logs.md)."},
	"log.file": {flag: "log-file", doc: "A file for messages, instead of `log.output`. It is opened anew on SIGUSR1 and by " +
		"`penknife reopen-logs`."},
	"log.file_mode": {doc: "The mode of log files that penknife creates."},
	"log.buffer": {min: 64 << 10, max: 1 << 30,
		doc: "How much of each log waits in memory while its output does not take it. What comes then is dropped, counted " +
			"(`penknife_log_dropped_total`) and said."},
	"log.access": {flag: "access-log", doc: "One line for each request: `off`, `combined` (Apache's and nginx's), `json`, " +
		"`uwsgi` (uWSGI's request line), or a format with the atoms of gunicorn (`%(h)s %(s)s`) or of uWSGI (`%(addr) %(status)`). " +
		"See [logs.md](logs.md)."},
	"log.access_output": {choices: logOutputs, doc: "Where the lines of `log.access` go."},
	"log.access_file":   {flag: "access-log-file", doc: "A file for them, instead of `log.access_output`; opened anew as `log.file` is."},
	"log.access_value": {min: 64, max: 64 << 10,
		doc: "The longest value in a line of `log.access`, such as a URL. What is cut ends with `...`."},
	"log.access_delay": {max: int64(time.Minute),
		doc: "How long a line of `log.access` may wait for others, so that they share a write. 0s writes each at once."},
	"log.access_status": {max: 599,
		doc: "Only answers with this status or above have a line in `log.access`, and connections that were cut: 400 is uWSGI's " +
			"`log-4xx` and `log-5xx`. 0 is all."},
	"log.access_slow": {max: day,
		doc: "Only requests that took this long have a line in `log.access`; with `log.access_status` too, those that meet either. " +
			"0s is all."},
	"log.slow": {max: day,
		doc: "A request that takes the application longer than this gets a record while it still runs, with the place in " +
			"the code where it is. Measured as `workers.request_timeout` is. 0 is never. A reload takes it over."},
	"log.request_id_header": {
		doc: "The header that carries a request's identifier. It is taken from trusted peers (`http.trusted_proxies`, unix " +
			"sockets, uwsgi, where the variable `REQUEST_ID` counts too) and made for everybody else; the application " +
			"finds it in its environ, and every line about the request has it. Empty: requests have none."},
	"log.request_id_response": {doc: "Whether answers carry `log.request_id_header` too."},
	"log.syslog_address":      {doc: "The syslog server for `syslog` as output: `unix:PATH`, `udp:HOST:PORT` or `tcp:HOST:PORT`."},
	"log.syslog_facility": {choices: []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
		"authpriv", "ftp", "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5",
		"local6", "local7"}, doc: "The facility of what goes to syslog."},
	"log.syslog_format": {choices: []string{"auto", "rfc3164", "rfc5424"},
		doc: "The form of messages to syslog. `auto` is rfc3164 for unix sockets, where every daemon reads it, else rfc5424."},
	"log.syslog_tag":     {doc: "The program's name in syslog and in the journal."},
	"log.journal_socket": {doc: "Where systemd-journald listens, for `journald` as output."},
	"log.app_rate": {max: 1 << 30,
		doc: "How many lines a second each worker may write to its standard streams and to `wsgi.errors`. What is more is dropped, " +
			"counted (`penknife_log_app_dropped_total`) and said. 0 is no limit."},
	"log.app_burst": {min: 1, max: 1 << 30, doc: "How many lines a worker may write at once before `log.app_rate` counts."},
	"log.app_line": {min: 256, max: 60 << 10,
		doc: "The longest line of a worker's output in one message. A longer one becomes several."},
	"log.app_format": {choices: []string{"wrap", "raw"},
		doc: "`wrap` makes a message of each line of the application's output. `raw` writes the line as it came, for applications " +
			"that log JSON themselves; it needs a stream or a file as output."},
}
