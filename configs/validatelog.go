package configs

import "strings"

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
