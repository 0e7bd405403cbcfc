package configs

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text or json
	Access string `yaml:"access"` // off or combined
}

// logDocs says what reflection cannot know about the keys of this file.
var logDocs = map[string]keyDoc{
	"log.level": {flag: "log-level", choices: []string{"debug", "info", "warn", "error"},
		doc: "The least important messages that are written."},
	"log.format": {flag: "log-format", choices: []string{"text", "json"}, doc: "How messages are written."},
	"log.access": {flag: "access-log", choices: []string{"off", "combined"},
		doc: "One line for each request in the combined format of Apache and nginx, to standard output."},
}
