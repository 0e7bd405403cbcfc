package configs

import "time"

// Limits bounds what clients may send, and how slowly. Both front ends obey it.
type Limits struct {
	RequestLine     ByteSize `yaml:"request_line"`      // HTTP method, target and version: 414
	HeaderBlock     ByteSize `yaml:"header_block"`      // all HTTP header lines, or the uwsgi var block: 431
	HeaderCount     int      `yaml:"header_count"`      // HTTP header lines or uwsgi variables: 431
	Body            ByteSize `yaml:"body"`              // request body: 413; 0 is no limit
	BodyMemory      ByteSize `yaml:"body_memory"`       // of a body, held in memory before it goes to a temporary file
	BodyMemoryTotal ByteSize `yaml:"body_memory_total"` // of all bodies together; beyond it they go to files earlier
	TempDir         string   `yaml:"temp_dir"`          // where bodies are spooled; empty: $TMPDIR or /tmp
	Connections     int      `yaml:"connections"`       // open at once, over all listeners
	// Of one address, an IPv6 client being its /64. 0: no limit.
	ClientConnections int           `yaml:"client_connections"`    // HTTP connections open at once: 429
	ClientRate        int           `yaml:"client_rate"`           // requests per second: 429
	ClientBurst       int           `yaml:"client_burst"`          // requests at once, before the rate counts
	ClientAddresses   int           `yaml:"client_addresses"`      // how many addresses' rates are known
	ProxyHeader       ByteSize      `yaml:"proxy_header"`          // a header of the PROXY protocol: close
	TLSHandshakeTime  time.Duration `yaml:"tls_handshake_timeout"` // from accept to the end of a TLS handshake: the connection is closed
	HeaderTime        time.Duration `yaml:"header_timeout"`        // from the first byte of a request to the end of its head: 408
	BodyTime          time.Duration `yaml:"body_timeout"`          // between two reads of a body that bring something: 408
	BodyMinRate       ByteSize      `yaml:"body_min_rate"`         // bytes per second, after body_timeout has passed once: 408; 0 is none
	IdleTime          time.Duration `yaml:"idle_timeout"`          // an HTTP connection between two requests
	WriteTime         time.Duration `yaml:"write_timeout"`         // between two writes of a response that make progress
	WriteMinRate      ByteSize      `yaml:"write_min_rate"`        // bytes per second, less is no progress; 0: any byte is
}

// limitDocs says what reflection cannot know about the keys of this file.
var limitDocs = map[string]keyDoc{
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
		doc: "Client connections open at once, over all listeners. Further ones are turned away with 503. A quarter of the descriptors that " +
			"penknife may have (`LimitNOFILE`, `ulimit -n`), and 64 at least, are not for clients: if that leaves fewer, it is fewer, and the log says so."},
	"limits.client_connections": {max: 1 << 20,
		doc: "HTTP connections that one address may have open; an IPv6 client is its /64. Further ones get 429. Peers on unix sockets and in " +
			"`http.trusted_proxies` are not counted. 0 is no limit."},
	"limits.client_rate": {max: 1_000_000,
		doc: "Requests per second that one client's address may make in the long run, over all listeners; an IPv6 client is its /64. Further " +
			"ones get 429. The addresses of `http.trusted_proxies` themselves are not counted. 0 is no limit."},
	"limits.client_burst": {min: 1, max: 1_000_000,
		doc: "How many requests a client that was quiet may make at once before `limits.client_rate` counts."},
	"limits.client_addresses": {min: 1000, max: 10_000_000,
		doc: "Of how many addresses `limits.client_rate` keeps account, about 50 bytes each. When more ask at once, those that have not asked for longest begin anew."},
	"limits.proxy_header": {min: 536, max: 64 << 10,
		doc: "A header of the PROXY protocol, where `http.proxy_protocol` asks for one: the connection is closed above. It has " +
			"`limits.header_timeout` to come."},
	"limits.tls_handshake_timeout": {min: int64(100 * time.Millisecond), max: day,
		doc: "From the beginning of a connection to a listener with TLS to the end of its handshake: the connection is closed."},
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
		doc: "Longest time in which a client takes nothing of a response that waits for it, or less than `limits.write_min_rate`, before it is cut off."},
	"limits.write_min_rate": {max: 1 << 40,
		doc: "Bytes per second that a client must take of a response that waits for it: less counts as nothing for `limits.write_timeout`. Only the " +
			"time counts in which penknife cannot send, not the application's silence. 0: any byte will do."},
}

// WithHeadDefaults gives the limits with the defaults in place of the sizes of a request's head that are not set: a
// head of any size is never meant.
func (l Limits) WithHeadDefaults() Limits {
	defaults := Default().Limits
	if l.RequestLine <= 0 {
		l.RequestLine = defaults.RequestLine
	}
	if l.HeaderBlock <= 0 {
		l.HeaderBlock = defaults.HeaderBlock
	}
	if l.HeaderCount <= 0 {
		l.HeaderCount = defaults.HeaderCount
	}
	if l.ProxyHeader <= 0 {
		l.ProxyHeader = defaults.ProxyHeader
	}
	return l
}
