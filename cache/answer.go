package cache

import (
	"bytes"
	"net/http"
	"time"
)

// answer is what the header of a response says about caching. The slices are views into the fields.
type answer struct {
	control  directives
	targeted bool // control is that of a targeted field, and Expires does not count

	date, lastModified int64 // seconds since 1970; 0: none, or one that is no date
	expires            int64
	hasExpires         bool // a date that is none is one in the past (RFC 9111 section 5.3)
	age                int64

	etag, modified            []byte
	vary                      []string // names of variables
	varyAny, setCookie        bool
	location, contentLocation []byte
	tags                      []string
	hasTags                   bool
	length                    []byte // Content-Length
	events                    bool   // a stream of events, for each client its own
}

// readAnswer reads a header block. Of targets, names of targeted fields in lower case, the first that is there and can be
// read counts instead of Cache-Control and Expires (RFC 9213 section 2.2).
func readAnswer(fields []byte, targets []string) answer {
	a := answer{control: noDirectives(), age: absent}
	for rest := fields; len(rest) > 0; {
		var line fieldLine
		line, rest = nextLine(rest)
		if len(line.name) < len("age") {
			continue
		}
		a.take(&line)
	}
	for _, target := range targets {
		if d, ok := readTarget(fields, target); ok {
			a.control, a.targeted = d, true
			break
		}
	}
	return a
}

// take looks at one field; the first letter of its name sorts out most.
func (a *answer) take(line *fieldLine) {
	switch line.name[0] | 0x20 {
	case 'c':
		a.takeC(line)
	case 'a':
		if line.isNamed("age") && a.age == absent {
			first, _ := nextMember(line.value)
			a.age = parseDelta(first)
		}
	case 'd':
		if line.isNamed("date") {
			a.date, _ = parseDate(line.value)
		}
	case 'e':
		if line.isNamed("etag") {
			a.etag = line.value
		} else if line.isNamed("expires") && !a.hasExpires {
			a.hasExpires = true
			a.expires, _ = parseDate(line.value)
		}
	case 'l':
		if line.isNamed("last-modified") {
			a.lastModified, _ = parseDate(line.value)
			a.modified = line.value
		} else if line.isNamed("location") {
			a.location = line.value
		}
	case 's':
		a.setCookie = a.setCookie || line.isNamed("set-cookie")
		if line.isNamed("surrogate-key") {
			a.hasTags = true
			for _, tag := range bytes.Fields(line.value) {
				a.tags = append(a.tags, string(tag))
			}
		}
	case 'v':
		if line.isNamed("vary") {
			a.takeVary(line.value)
		}
	}
}

func (a *answer) takeC(line *fieldLine) {
	switch {
	case line.isNamed("cache-control"):
		a.control.parse(line.value)
	case line.isNamed("content-location"):
		a.contentLocation = line.value
	case line.isNamed("content-type"):
		media, _, _ := bytes.Cut(line.value, []byte{';'})
		a.events = equalFold(bytes.TrimRight(media, " \t"), "text/event-stream")
	case line.isNamed("content-length"):
		a.length = line.value
	case line.isNamed("cache-tag"):
		a.hasTags = true
		for list := line.value; len(list) > 0; {
			var tag []byte
			if tag, list = nextMember(list); len(tag) > 0 {
				a.tags = append(a.tags, string(tag))
			}
		}
	}
}

func (a *answer) takeVary(list []byte) {
	for len(list) > 0 {
		var name []byte
		if name, list = nextMember(list); len(name) == 0 {
			continue
		}
		if len(name) == 1 && name[0] == '*' {
			a.varyAny = true
		}
		a.vary = append(a.vary, variableOf(name))
	}
}

// readTarget reads a targeted field: a dictionary of structured fields, which counts only if all of it can be read.
func readTarget(fields []byte, target string) (d directives, ok bool) {
	d = noDirectives()
	for len(fields) > 0 {
		var line fieldLine
		if line, fields = nextLine(fields); !line.isNamed(target) {
			continue
		}
		for list := line.value; len(list) > 0; {
			var member []byte
			member, list = nextMember(list)
			name, argument, hasArgument := bytes.Cut(member, []byte{'='})
			if !isTargetKey(name) || isSeconds(string(name)) && (!hasArgument || parseDelta(argument) == absent) {
				return noDirectives(), false
			}
			d.set |= hasAny
			d.take(name, argument)
			ok = true
		}
	}
	return d, ok
}

// isTargetKey is the syntax of a key (RFC 8941 section 3.1.2).
func isTargetKey(name []byte) bool {
	for i, c := range name {
		letter := 'a' <= c && c <= 'z' || c == '*'
		if !letter && (i == 0 || !('0' <= c && c <= '9') && c != '_' && c != '-' && c != '.') {
			return false
		}
	}
	return len(name) > 0
}

func isSeconds(directive string) bool {
	switch directive {
	case "max-age", "s-maxage", "stale-while-revalidate", "stale-if-error":
		return true
	}
	return false
}

// parseDate reads any of the three forms of a date (RFC 9110 section 5.6.7), in seconds since 1970.
func parseDate(field []byte) (seconds int64, ok bool) {
	t, err := http.ParseTime(string(field))
	if err != nil {
		return 0, false
	}
	return t.Unix(), true
}

// unix gives seconds since 1970 as a time.
func unix(seconds int64) time.Time { return time.Unix(seconds, 0) }
