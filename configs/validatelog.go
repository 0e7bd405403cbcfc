package configs

import (
	"net"
	"strings"
)

// reservedHeaders mean something to penknife itself, or to everybody.
var reservedHeaders = []string{"Host", "Content-Length", "Content-Type", "Connection", "Transfer-Encoding", "Date", "Server", "Expect",
	"Forwarded", "Proxy", "Cookie", "Authorization"}

// requestIDHeader wants a name that becomes one variable and nothing else: letters, digits and hyphens.
func (c *checker) requestIDHeader() {
	name := c.loaded.Config.Log.RequestIDHeader
	odd := strings.Trim(name, "-") != name || len(name) > 64
	for _, r := range name {
		odd = odd || r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	for _, reserved := range reservedHeaders {
		odd = odd || strings.EqualFold(name, reserved)
	}
	if odd || strings.HasPrefix(strings.ToLower(name), "x-forwarded-") {
		c.complain("log.request_id_header", "%q cannot carry an identifier: use a header name of its own, made of letters, "+
			"digits and hyphens, such as X-Request-ID", name)
	}
}

// logOutput wants one place for each log, and one that can take what it is sent.
func (c *checker) logOutput() {
	l := c.loaded.Config.Log
	if l.File != "" && c.isSet("log.output") {
		c.complain("log.output", "%s is not used: log.file is set", l.Output)
	}
	if l.AccessFile != "" && c.isSet("log.access_output") {
		c.complain("log.access_output", "%s is not used: log.access_file is set", l.AccessOutput)
	}
	if l.AppFormat == "raw" && l.File == "" && (l.Output == "syslog" || l.Output == "journald") {
		c.complain("log.app_format", "raw lines need a stream or a file, not %s", l.Output)
	}
	if l.Output == "journald" && l.Format == "json" && l.File == "" {
		c.complain("log.format", "the journal has fields of its own: remove json")
	}
}

// syslogAddress judges the form; whether somebody listens is not for a configuration to say.
func (c *checker) syslogAddress() {
	text := c.loaded.Config.Log.SyslogAddress
	kind, address, _ := strings.Cut(text, ":")
	_, port, err := net.SplitHostPort(address)
	if kind == "unix" && strings.HasPrefix(address, "/") || (kind == "udp" || kind == "tcp") && err == nil && port != "" {
		return
	}
	c.complain("log.syslog_address", "%q is no syslog server: write unix:/dev/log, udp:HOST:PORT or tcp:HOST:PORT", text)
}

// syslogTag wants a program's name: RFC 5424 section 6.2.5, and no more than RFC 3164 receivers take apart.
func (c *checker) syslogTag() {
	tag := c.loaded.Config.Log.SyslogTag
	odd := tag == "" || len(tag) > 32
	for _, r := range tag {
		odd = odd || r <= ' ' || r > '~' || strings.ContainsRune("[]:", r)
	}
	if odd {
		c.complain("log.syslog_tag", "%q is no program's name: up to 32 printable characters without spaces, colons and brackets", tag)
	}
}
