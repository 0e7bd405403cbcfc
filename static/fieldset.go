package static

import (
	"strings"

	"penknife/gateway"
	"penknife/uwsgiproto"
)

// asked is what a request's header says about the answer. The values are views into the request's variables; nil is a
// field that was not sent.
type asked struct {
	ifMatch, ifNoneMatch, ifModified, ifUnmodified, ifRange, ranges []byte
	accept, acceptEncoding                                          []byte
	isHead                                                          bool
}

// readAsked looks through the request's variables once. Fields that were sent twice are joined, which makes a list of
// lists and nonsense of dates.
func readAsked(r *gateway.Request) (a asked) {
	a.isHead = string(r.Method) == "HEAD"
	for rest := uwsgiproto.Vars(r.Vars); len(rest) > 0; {
		key, value, next, err := rest.Next()
		if err != nil {
			break // the front end has checked the block
		}
		rest = next
		if len(key) < len("HTTP_RANGE") || key[5] != 'I' && key[5] != 'A' && key[5] != 'R' {
			continue
		}
		if field := a.named(key); field != nil {
			*field = join(*field, value)
		}
	}
	return a
}

func (a *asked) named(key []byte) *[]byte {
	switch string(key) {
	case "HTTP_IF_MATCH":
		return &a.ifMatch
	case "HTTP_IF_NONE_MATCH":
		return &a.ifNoneMatch
	case "HTTP_IF_MODIFIED_SINCE":
		return &a.ifModified
	case "HTTP_IF_UNMODIFIED_SINCE":
		return &a.ifUnmodified
	case "HTTP_IF_RANGE":
		return &a.ifRange
	case "HTTP_RANGE":
		return &a.ranges
	case "HTTP_ACCEPT":
		return &a.accept
	case "HTTP_ACCEPT_ENCODING":
		return &a.acceptEncoding
	}
	return nil
}

func join(first, second []byte) []byte {
	if first == nil {
		return second
	}
	return []byte(string(first) + ", " + string(second))
}

// wantsPage says that a person follows a link.
func (a *asked) wantsPage() bool { return strings.Contains(string(a.accept), fallbackAccept) }
