package cache

import (
	"penknife/gateway"
	"penknife/uwsgiproto"
)

// copyRequest gives a request without a body that shares no memory with r. Own leaves the client's conditions and range
// out: the answer is to be stored as a whole.
func copyRequest(r *gateway.Request, own bool) gateway.Request {
	size := len(r.Vars) + len(r.RequestID) + len(r.Method) + len(r.Target) + len(r.Path) + len(r.Query) + len(r.Host) +
		len(r.Scheme) + len(r.Proto) + len(r.RemoteAddr)
	c := *r
	c.Body, c.ContentLength, c.Later, c.Client, c.Trace = nil, 0, nil, nil, gateway.Trace{}
	memory := make([]byte, 0, size)
	for _, field := range [...]*[]byte{
		&c.RequestID, &c.Method, &c.Target, &c.Path, &c.Query, &c.Host, &c.Scheme, &c.Proto, &c.RemoteAddr,
	} {
		from := len(memory)
		memory = append(memory, *field...)
		*field = memory[from:len(memory):len(memory)]
	}
	from := len(memory)
	if own {
		memory = appendUnconditional(memory, r.Vars)
	} else {
		memory = append(memory, r.Vars...)
	}
	c.Vars = memory[from:len(memory):len(memory)]
	return c
}

// appendUnconditional appends a var block without conditions and range.
func appendUnconditional(dst, vars []byte) []byte {
	for rest := uwsgiproto.Vars(vars); len(rest) > 0; {
		key, _, next, err := rest.Next()
		if err != nil {
			break // the front end has checked the block
		}
		switch string(key) {
		case "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE", "HTTP_RANGE":
		default:
			dst = append(dst, rest[:len(rest)-len(next)]...)
		}
		rest = next
	}
	return dst
}

// appendValidators makes a request conditional on what is stored (RFC 9111 section 4.3.1).
func appendValidators(vars []byte, e *entry) []byte {
	if len(e.etag) > 0 {
		vars, _ = uwsgiproto.AppendVar(vars, "HTTP_IF_NONE_MATCH", e.etag) // it fitted into a header block
	}
	if e.lastModified != 0 {
		text := unix(e.lastModified).UTC().AppendFormat(nil, httpDate)
		vars, _ = uwsgiproto.AppendVar(vars, "HTTP_IF_MODIFIED_SINCE", text)
	}
	return vars
}

// httpDate is the form of dates that is sent (RFC 9110 section 5.6.7).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// asGet gives a var block whose method is GET.
func asGet(vars []byte) []byte {
	vars, _ = uwsgiproto.AppendVar(vars, "REQUEST_METHOD", "GET") // the last one counts
	return vars
}
