package configs

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text or json
	Access string `yaml:"access"` // off or combined

	RequestIDHeader   string `yaml:"request_id_header"`   // empty: requests have no identifier
	RequestIDResponse bool   `yaml:"request_id_response"` // answers carry it too
}

// logDocs says what reflection cannot know about the keys of this file.
var logDocs = map[string]keyDoc{
	"log.level": {flag: "log-level", choices: []string{"debug", "info", "warn", "error"},
		doc: "The least important messages that are written."},
	"log.format": {flag: "log-format", choices: []string{"text", "json"}, doc: "How messages are written."},
	"log.access": {flag: "access-log", choices: []string{"off", "combined"},
		doc: "One line for each request in the combined format of Apache and nginx, to standard output."},
	"log.request_id_header": {
		doc: "The header that carries a request's identifier. It is taken from trusted peers (`http.trusted_proxies`, unix " +
			"sockets, uwsgi, where the variable `REQUEST_ID` counts too) and made for everybody else; the application " +
			"finds it in its environ, and every line about the request has it. Empty: requests have none."},
	"log.request_id_response": {doc: "Whether answers carry `log.request_id_header` too."},
}
