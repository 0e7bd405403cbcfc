package configs

// Access is who may ask for the paths below one.
type Access struct {
	Path  string   `yaml:"path"`
	Allow []string `yaml:"allow"` // CIDRs, addresses or "all"; empty: all whom Deny does not name
	Deny  []string `yaml:"deny"`
}

// accessDocs says what reflection cannot know about the keys of this file.
var accessDocs = map[string]keyDoc{
	"access": {doc: "A list of mappings with the keys below."},
	"access.path": {doc: "The paths that the entry is about: this one and all below it, decoded as the application sees them. It counts at a " +
		"slash only, and of several entries the one with the longest path counts. `/` is everything."},
	"access.allow": {doc: "Addresses and networks of the clients that may, or `all`; others get 403. Empty: all whom `deny` does not name. The " +
		"address is that of the client behind `http.trusted_proxies`, the PROXY protocol and the web server before a uwsgi listener."},
	"access.deny": {doc: "Addresses and networks that may not, or `all`. The entry of both lists counts that names an address most closely."},
}
