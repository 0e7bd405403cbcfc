package configs

// statsDocs says what reflection cannot know about the key of this file.
var statsDocs = map[string]keyDoc{
	"stats": {flag: "stats", doc: "Address of a listener that tells what uWSGI's stats server tells, for uwsgitop and others: " +
		"`127.0.0.1:9192` or `unix:/run/mysite/stats.sock`. Empty: none. It has no access control: keep it private. " +
		"See [uwsgi-stats.md](uwsgi-stats.md)."},
}
