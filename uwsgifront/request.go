package uwsgifront

import (
	"bytes"
	"math"

	"penknife/requestids"
	"penknife/uwsgiproto"
)

// The values that Scheme may have without being in the block. They are never written to.
var (
	schemeHTTP  = []byte("http")
	schemeHTTPS = []byte("https")
)

// cgi is what the scan finds besides what it puts into the request at once.
type cgi struct {
	scriptName, pathInfo       []byte
	uwsgiScheme, requestScheme []byte
	https, contentLength       []byte
	headerID, plainID          []byte // HTTP_X_REQUEST_ID, REQUEST_ID
	headerIDs                  int    // how often the first occurs
	hosts                      int    // how often HTTP_HOST does
	otherHost                  bool   // two of them name different hosts
}

// parse fills the request from a var block and what has arrived of the body. The block is passed on as it came; views
// into it are taken in one scan. A later variable of the same name wins.
func (c *conn) parse(block, received []byte) *refusal {
	if len(block) == 0 {
		return refuseEmpty
	}
	var found cgi
	scanner := uwsgiproto.NewScanner(block, c.srv.limits.HeaderCount)
	for scanner.Scan() {
		c.view(&found, scanner.Key, scanner.Value)
	}
	switch {
	case scanner.Err != nil:
		return refusalOf(scanner.Err)
	case len(c.req.Method) == 0:
		return refuseMethod
	case !isToken(c.req.Method):
		return refuseOddMethod
	case found.otherHost:
		return refuseHost
	}
	c.req.Vars = block
	if c.srv.ids != nil {
		c.identify(&found, received)
	}
	c.req.Scheme = found.scheme()
	c.setPath(&found)
	return c.setBody(found.contentLength, received)
}

// isToken tells whether a method is one (RFC 9110 sections 5.6.2 and 9.1). Web servers send no other; whatever looks at
// the method after us need not ask what a blank or a line's end in it means.
func isToken(method []byte) bool {
	for _, char := range method {
		switch {
		case 'A' <= char && char <= 'Z': // the usual ones
		case char <= ' ' || char >= 0x7f || bytes.IndexByte(separators, char) >= 0:
			return false
		}
	}
	return true
}

var separators = []byte("\"(),/:;<=>?@[\\]{}")

func (c *conn) view(found *cgi, key, value []byte) {
	r := &c.req
	switch string(key) {
	case "REQUEST_METHOD":
		r.Method = value
	case "REQUEST_URI":
		r.Target = value
	case "QUERY_STRING":
		r.Query = value
	case "HTTP_HOST":
		found.hosts++
		found.otherHost = found.otherHost || found.hosts > 1 && !sameHost(r.Host, value)
		r.Host = value
	case "SERVER_PROTOCOL":
		r.Proto = value
	case "REMOTE_ADDR":
		r.RemoteAddr = value
	case "PATH_INFO":
		found.pathInfo = value
	case "SCRIPT_NAME":
		found.scriptName = value
	case "CONTENT_LENGTH":
		found.contentLength = value
	case "UWSGI_SCHEME":
		found.uwsgiScheme = value
	case "HTTPS":
		found.https = value
	case "REQUEST_SCHEME":
		found.requestScheme = value
	case requestids.Variable:
		found.plainID = value
	default:
		if c.srv.ids.IsHeaderVariable(key) {
			found.headerID = value
			found.headerIDs++
		}
	}
}

// sameHost compares two Host values without their ports. Debian's uwsgi_params for nginx have HTTP_HOST without a port, and
// whoever needs the port adds a second HTTP_HOST. That one counts, here and in the worker.
func sameHost(a, b []byte) bool { return bytes.EqualFold(withoutPort(a), withoutPort(b)) }

func withoutPort(host []byte) []byte {
	name := bytes.TrimRight(host, "0123456789")
	if before, isPort := bytes.CutSuffix(name, []byte(":")); isPort {
		return before
	}
	return host
}

// scheme is chosen as the worker chooses wsgi.url_scheme.
func (f *cgi) scheme() []byte {
	if named := schemeOf(f.uwsgiScheme); named != nil {
		return named
	}
	for _, yes := range [...]string{"on", "1", "true", "yes"} {
		if len(f.https) == len(yes) && bytes.EqualFold(f.https, []byte(yes)) {
			return schemeHTTPS
		}
	}
	if named := schemeOf(f.requestScheme); named != nil {
		return named
	}
	return schemeHTTP
}

// schemeOf gives nil for what is neither http nor https.
func schemeOf(value []byte) []byte {
	for _, scheme := range [...][]byte{schemeHTTP, schemeHTTPS} {
		if bytes.EqualFold(value, scheme) {
			return scheme
		}
	}
	return nil
}

// setPath joins SCRIPT_NAME and PATH_INFO. With modifier1 30 PATH_INFO holds both, and the block gets one more variable
// that takes the first part off; only at a slash, because /old is no prefix of /older.
func (c *conn) setPath(found *cgi) {
	script, path := found.scriptName, found.pathInfo
	if c.buf[0] == uwsgiproto.ModifierWSGIPath && len(script) > 0 {
		rest, isPrefix := bytes.CutPrefix(path, script)
		if isPrefix && (len(rest) == 0 || rest[0] == '/') {
			c.vars = append(c.vars[:0], c.req.Vars...)
			// It cannot fail: the value is part of one that came in.
			c.vars, _ = uwsgiproto.AppendVar(c.vars, "PATH_INFO", rest)
			c.req.Vars, c.req.Path = c.vars, path
			return
		}
	}
	if len(script) == 0 {
		c.req.Path = path
		return
	}
	c.path = append(append(c.path[:0], script...), path...)
	c.req.Path = c.path
}

// setBody takes CONTENT_LENGTH, which alone decides what the body is: web servers take transfer codings off.
func (c *conn) setBody(text, received []byte) *refusal {
	length := int64(0)
	for _, digit := range text {
		if digit < '0' || digit > '9' || length > (math.MaxInt64-9)/10 {
			return refuseLength
		}
		length = length*10 + int64(digit-'0')
	}
	if limit := int64(c.srv.limits.Body); limit > 0 && length > limit {
		return refuseLargeBody
	}
	if length == 0 {
		return nil
	}
	received = received[:min(int64(len(received)), length)]
	c.body = body{c: c, buffered: received, left: length, length: length}
	c.req.ContentLength = length
	c.req.Body = &c.body
	return nil
}
