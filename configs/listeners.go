package configs

// HTTP is one HTTP/1.1 listener.
type HTTP struct {
	Listen         string   `yaml:"listen"`
	Mode           FileMode `yaml:"mode"`
	Owner          string   `yaml:"owner"`
	Group          string   `yaml:"group"`
	TrustedProxies []string `yaml:"trusted_proxies"` // CIDRs or addresses; unix-socket peers always are
	AllowFrom      []string `yaml:"allow_from"`      // CIDRs, addresses or "all": who may connect; empty: all whom DenyFrom does not name
	DenyFrom       []string `yaml:"deny_from"`
	// ProxyProtocol: each connection begins with a header of the PROXY protocol.
	ProxyProtocol     bool     `yaml:"proxy_protocol"`
	ProxyProtocolFrom []string `yaml:"proxy_protocol_from"` // CIDRs or addresses of those who may send one; unix-socket peers always may
	TLS               TLS      `yaml:"tls"`
}

// Uwsgi is one listener for the uwsgi protocol.
type Uwsgi struct {
	Listen    string   `yaml:"listen"`
	Mode      FileMode `yaml:"mode"`
	Owner     string   `yaml:"owner"`
	Group     string   `yaml:"group"`
	AllowFrom []string `yaml:"allow_from"` // CIDRs, addresses or "all"; needed on a public TCP address
	DenyFrom  []string `yaml:"deny_from"`
}

// listenerDocs says what reflection cannot know about the keys of this file.
var listenerDocs = map[string]keyDoc{
	"http": {flag: "http", doc: "In the file a list of mappings with the keys below; in the environment and on the " +
		"command line addresses only, which replace the whole list."},
	"http.listen": {doc: listenDoc},
	"http.mode":   {doc: modeDoc},
	"http.owner":  {doc: ownerDoc},
	"http.group":  {doc: groupDoc},
	"http.trusted_proxies": {doc: "Addresses and networks (`10.0.0.0/8`) whose `X-Forwarded-*` headers " +
		"count, and `Forwarded` if it comes without them. Peers on a unix socket are always trusted, nobody else is. From " +
		"others these headers are dropped, and so are those by which other software is told of a client ([list](nginx.md#headers-of-proxies))."},
	"http.allow_from": {doc: "Addresses and networks that may connect, or `all`; others are closed before a byte is read. Empty: everybody whom " +
		"`deny_from` does not name. The entry counts that names an address most closely ([access.md](access.md))."},
	"http.deny_from": {doc: "Addresses and networks that may not connect, or `all`."},
	"http.proxy_protocol": {doc: "Each connection begins with a header of the PROXY protocol, version 1 or 2, that says whose it is; one " +
		"without is closed ([access.md](access.md#proxy-protocol))."},
	"http.proxy_protocol_from": {doc: "Addresses and networks of the load balancers whose headers count; others are closed. Peers on a unix " +
		"socket need no entry."},

	"uwsgi": {flag: "uwsgi", doc: "In the file a list of mappings with the keys below; in the environment and on the " +
		"command line addresses only, which replace the whole list."},
	"uwsgi.listen": {doc: listenDoc},
	"uwsgi.mode":   {doc: modeDoc},
	"uwsgi.owner":  {doc: ownerDoc},
	"uwsgi.group":  {doc: groupDoc},
	"uwsgi.allow_from": {doc: "Addresses and networks (`10.0.0.0/8`) that may connect over TCP. A public address needs " +
		"it, because whoever reaches a uwsgi listener can forge every variable, the user's name included. Empty: loopback."},
	"uwsgi.deny_from": {doc: "Addresses and networks of it that may not; the entry counts that names an address most closely."},
}

const (
	listenDoc = "`HOST:PORT`, `:PORT` (loopback; say `0.0.0.0:PORT` to be public), `unix:PATH`, a path alone that begins with `/` or `./`, " +
		"or `unix:@abstract`. " +
		"Of a socket that others open: `systemd:NAME` by socket activation (its `FileDescriptorName=`), `fd:NUMBER` as inherited."
	modeDoc  = "Permissions of a unix socket."
	ownerDoc = "Owner of a unix socket, a name or a number. Empty: whoever runs penknife."
	groupDoc = "Group of a unix socket, a name or a number. Empty: that of whoever runs penknife."
)
