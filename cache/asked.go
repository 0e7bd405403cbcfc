package cache

import (
	"bytes"

	"penknife/gateway"
	"penknife/uwsgiproto"
)

// asked is what a request's header says about caching. The slices are views into the request's variables; nil is a
// field that was not sent.
type asked struct {
	control                 directives
	pragma                  bool // Pragma: no-cache, which counts without Cache-Control only
	ifNoneMatch, ifModified []byte
	ifRange, ranges         []byte
	cookie                  []byte
	isHead                  bool
	hasPrecondition         bool // If-Match or If-Unmodified-Since: the application's business
	hasUser                 bool // Authorization, or a user that the web server has authenticated
	overridesMethod         bool // a GET that may be something else for the application
	forwards                bool // fields about another host or scheme, which belong into the key
}

// readAsked looks through the request's variables once.
func readAsked(r *gateway.Request) (a asked) {
	a.control = noDirectives()
	a.isHead = string(r.Method) == "HEAD"
	for rest := uwsgiproto.Vars(r.Vars); len(rest) > 0; {
		key, value, next, err := rest.Next()
		if err != nil {
			break // the front end has checked the block
		}
		rest = next
		if len(key) < len("HTTP_X") || key[4] != '_' {
			a.hasUser = a.hasUser || len(value) > 0 && namesUser(key)
			continue
		}
		a.take(key, value)
	}
	return a
}

// take looks at one HTTP_ variable; the first letter of the field's name sorts out most of them.
func (a *asked) take(key, value []byte) {
	a.hasUser = a.hasUser || isCredential(key)
	switch key[5] {
	case 'C':
		switch string(key) {
		case "HTTP_CACHE_CONTROL":
			a.control.parse(value)
		case "HTTP_COOKIE":
			a.cookie = joinField(a.cookie, value)
		}
	case 'I':
		a.takeCondition(key, value)
	case 'P':
		a.pragma = a.pragma || string(key) == "HTTP_PRAGMA" && equalFold(value, "no-cache")
	case 'R':
		if string(key) == "HTTP_RANGE" {
			a.ranges = joinField(a.ranges, value)
		}
	case 'F', 'X':
		a.forwards = a.forwards || isForwarding(key)
		a.overridesMethod = a.overridesMethod || isMethodOverride(key)
	}
}

func (a *asked) takeCondition(key, value []byte) {
	switch string(key) {
	case "HTTP_IF_NONE_MATCH":
		a.ifNoneMatch = joinField(a.ifNoneMatch, value)
	case "HTTP_IF_MODIFIED_SINCE":
		a.ifModified = joinField(a.ifModified, value)
	case "HTTP_IF_RANGE":
		a.ifRange = joinField(a.ifRange, value)
	case "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE":
		a.hasPrecondition = true
	}
}

// isMethodOverride says that frameworks may take the request for one with another method.
func isMethodOverride(key []byte) bool {
	switch string(key) {
	case "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE":
		return true
	}
	return false
}

// hasCookie looks for a cookie whose name fits the pattern (RFC 6265 section 4.2.1).
func (a *asked) hasCookie(name pattern) bool {
	for rest := a.cookie; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{';'})
		key, _, _ := bytes.Cut(pair, []byte{'='})
		if name.fits(bytes.Trim(key, " \t")) {
			return true
		}
	}
	return false
}

// cookieNamed gives the value of a cookie, of several the first; nil is none.
func (a *asked) cookieNamed(name string) []byte {
	for rest := a.cookie; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{';'})
		key, value, found := bytes.Cut(pair, []byte{'='})
		if found && string(bytes.Trim(key, " \t")) == name {
			return value[:len(value):len(value)]
		}
	}
	return nil
}

// fieldOf gives the values of a field by the name of its variable, joined; nil is a field that was not sent.
func fieldOf(vars []byte, key string) (value []byte) {
	for rest := uwsgiproto.Vars(vars); len(rest) > 0; {
		name, one, next, err := rest.Next()
		if err != nil {
			break
		}
		if string(name) == key {
			value = joinField(value, one)
		}
		rest = next
	}
	return value
}
