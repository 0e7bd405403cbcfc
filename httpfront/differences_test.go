package httpfront

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// known are the differences in which we are right, with what says so. The expressions must match, each in its place:
// who the other is, what it says, the message itself and the one before it (as far as they are there).
var known = []struct {
	who          string
	kind         string
	says         *regexp.Regexp
	here, before *regexp.Regexp
	because      string
}{
	// What we take and others do not.
	{`net/http|h11`, diffAccepts, nil, re(`^(\r\n)+`), nil, "9112 2.2: empty lines before a request are ignored"},
	{`net/http`, diffAccepts, re(`^417`), re(`^[^\r]* HTTP/1\.0\r\n`), nil, "9110 10.1.1: HTTP/1.0 has no expectations"},
	{`net/http`, diffAccepts, re(`too large`), re(`\r\n0{14,}[0-9a-f]*[ \t]*[;\r]`), nil, "9112 7.1: a size has any number of digits"},
	{`net/http`, diffAccepts, re(`long trailer`), re(`\r\n0+[^\r]*\r\n.{1000}.{1000}.{1000}`), nil, "a limit of net/http, about 4 KiB; ours is 8 KiB"},
	{`h11`, diffAccepts, re(`chunk header`), re(`\r\n0{14,}[0-9a-f]*[ \t]*[;\r]`), nil, "9112 7.1: a size has any number of digits"},
	{`h11`, diffAccepts, re(`bad Content-Length`), re(`\r\ncontent-length:[ \t]*0{15,}[0-9]*[ \t]*\r\n`), nil, "9110 8.6: 1*DIGIT, without a bound"},
	{`net/http`, diffAccepts, re(`invalid byte in chunk`), re(`\r\n[0-9a-f]+[ \t]+;`), nil, bws},
	{`h11`, diffAccepts, re(`chunk header`), re(`\r\n[0-9a-f]+[ \t]+;`), nil, bws},
	{`llhttp`, diffAccepts, re(`CHUNK_SIZE|chunk extension`), re(`\r\n[0-9a-f]+[^\r]*([ \t][;=]|[;=][ \t])`), nil, bws},
	{`llhttp`, diffAccepts, re(`INVALID_METHOD`), notMethod, nil, "9110 9.1: any token is a method; llhttp has a list"},
	{`llhttp`, diffAccepts, re(`INVALID_VERSION`), re(`^(\r\n)*[^\r]* HTTP/1\.[2-9]\r\n`), nil, "9110 2.5: a later minor version is read as 1.1"},
	{`llhttp`, diffAccepts, re(`INVALID_VERSION`), re(`^(\r\n)*PRI `), nil, "9110 9.1: any token is a method; 9113 3.4 reserves PRI for HTTP/2.0"},
	{`h11`, diffAccepts, re(`request line`), highTarget, nil, asNginx},
	{`llhttp`, diffAccepts, re(`INVALID_URL`), highTarget, nil, asNginx},
	{`llhttp`, diffAccepts, re(`CONTENT_LENGTH`), re(`\r\ncontent-length:[ \t]*\t|\r\ncontent-length:[ \t]*[0-9]+[ \t]`), nil, "9110 5.6.3: HTAB is whitespace"},
	{`llhttp`, diffAccepts, re(`TRANSFER_ENCODING`), re(`\r\ntransfer-encoding:[ \t]*(\t|chunked[ \t]+\r\n)`), nil, "9110 5.6.3: HTAB is whitespace"},

	// Whether a connection goes on.
	{`llhttp`, diffPersists, nil, nil, re(`\r\nupgrade:`), "9110 7.8: a server may ignore Upgrade"},
	{`llhttp`, diffPersists, nil, re(`\r\nupgrade:`), nil, "9110 7.8: a server may ignore Upgrade"},
	{`llhttp`, diffPersists, nil, nil, re(`\r\nproxy-connection:`), "9112 9.3 knows no Proxy-Connection"},
	{`llhttp`, diffAccepts, re(`CLOSED_CONNECTION`), nil, trailerCloses, notMerged},
	{`h11`, diffPersists, nil, nil, re(`^(\r\n)*[^\r]* HTTP/1\.0\r\n`), "9112 9.3: HTTP/1.0 persists by keep-alive; h11 never does"},
	{`net/http`, diffPersists, nil, nil, wordInOption, "9110 7.6.1: options are elements of a list; net/http looks for words"},
	{`net/http`, diffPersists, nil, nil, re(`^(\r\n)*[^\r]* HTTP/1\.0\r.*\nconnection:.*\nconnection:`), "9110 5.3: fields of one name are one list"},
	{`net/http|llhttp`, diffPersists, nil, nil, re(`\r\nconnection:[^\r]*(close.*keep-alive|keep-alive.*close)`), "9112 9.3: close beats keep-alive"},
}

const (
	bws       = "9112 7.1.1: BWS around the parts of an extension is read and dropped"
	notMerged = "9110 6.5.1: a trailer is not merged into the head, and Connection is not for trailers"
	asNginx   = "bytes above ASCII in a target pass, as in nginx and net/http (decision 0026)"
)

var (
	notMethod     = re(`^(\r\n)*(X|XGET|get|[^\r]*[a-z!#$%&'*+.^_|~0-9-][^\r]* )`)
	wordInOption  = re(`\nconnection:[^\r]*([^ \t,:\r][ \t]*|[^ \t,:\r][^,\r]*[^,a-z0-9\r])(close|keep-alive)|\nconnection:[^\r]*(close|keep-alive)[ \t]*[^ \t,\r]`)
	trailerCloses = re(`\r\n0+[^\r]*\r\n(.*\r\n)?connection:`)
	highTarget    = re(`^(\r\n)*[^ ]* [^ ]*[\x80-\xff]`)
)

// re compiles an expression about bytes: any case, and a dot is every byte.
func re(expr string) *regexp.Regexp { return regexp.MustCompile(`(?is)` + expr) }

// explain gives the reason for a difference, or nothing. number is that of the row of known, or -1.
func explain(who string, d *difference, before, here []byte) (reason string, number int) {
	if d.kind == diffRefuses {
		return explainRefusal(d.ours.Why, newSuspect(here)), -1
	}
	for i, k := range known {
		if d.kind == k.kind && regexp.MustCompile(k.who).MatchString(who) && matches(k.says, d.their.Why) &&
			matches(k.here, runes(here)) && matches(k.before, runes(before)) {
			return k.because, i
		}
	}
	return "", -1
}

func matches(expr *regexp.Regexp, text string) bool { return expr == nil || expr.MatchString(text) }

// runes makes a text of bytes in which each byte is one character, as regexp wants it.
func runes(b []byte) string {
	text := make([]rune, len(b))
	for i, c := range b {
		text[i] = rune(c)
	}
	return string(text)
}

// suspect is a message that we refused, taken apart by other means than ours: to refuse it there must be a fault.
type suspect struct {
	before string              // CR and LF in front of it
	first  string              // the request line
	lines  []string            // of fields
	values map[string][]string // by name in lower case, without blanks around
	head   string
	body   string
}

func newSuspect(b []byte) *suspect {
	text := runes(b)
	s := &suspect{values: map[string][]string{}}
	s.before = text[:len(text)-len(strings.TrimLeft(text, "\r\n"))]
	text = text[len(s.before):]
	s.head, s.body, _ = strings.Cut(text, "\r\n\r\n")
	s.lines = strings.Split(s.head, "\r\n")
	s.first, s.lines = s.lines[0], s.lines[1:]
	for _, line := range s.lines {
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(name)
		s.values[name] = append(s.values[name], strings.Trim(value, " \t"))
	}
	return s
}

const tchar = "[!#$%&'*+.^_`|~0-9A-Za-z-]"

var (
	lineExpr    = regexp.MustCompile(`^` + tchar + `+ [^ \t\r\n\v\f]+ HTTP/[0-9]\.[0-9]$`)
	fieldExpr   = regexp.MustCompile(`(?s)^` + tchar + `+:`)
	controlExpr = regexp.MustCompile(`[\x00-\x08\n-\x1f\x7f]`)
	lineEndExpr = regexp.MustCompile(`(?s)^\n|[^\r]\n|\r([^\n]|$)`)
	hostExpr    = regexp.MustCompile(`^((?:[A-Za-z0-9_~!$&'()*+,;=-]+\.)*[A-Za-z0-9_~!$&'()*+,;=-]+\.?|\[([0-9A-Fa-f:.]+)\])(?::([0-9]*))?$`)
	targetExpr  = regexp.MustCompile(`^(?:/|(?i:https?)://([^/?]+)(?:[/?]|$))`)
	escapeExpr  = regexp.MustCompile(`%(?:$|.$|00|[^0-9A-Fa-f]|.[^0-9A-Fa-f])`)
	chunkExpr   = regexp.MustCompile(`^([0-9A-Fa-f]+)(?:[ \t]*;[ \t]*` + tchar + `+(?:[ \t]*=[ \t]*(?:` + tchar +
		`+|"(?:[^"\\\x00-\x08\n-\x1f\x7f]|\\[^\x00-\x08\n-\x1f\x7f])*"))?)*\r\n`)
	framesExpr = regexp.MustCompile(`(?i)^(content-length|transfer-encoding|host|trailer|te):`)
)

// explainRefusal tells by which rule the message is wrong in the way that we said, or nothing.
func explainRefusal(reason string, s *suspect) string {
	f, there := faults[reason]
	if !there || !f.real(s) {
		return ""
	}
	return f.rule
}

// faults say for each reason of ours how a message must look to deserve it.
var faults = map[string]struct {
	rule string
	real func(s *suspect) bool
}{
	"request_line":   {"9112 3", func(s *suspect) bool { return !lineExpr.MatchString(s.first) || s.before != "" && !s.ignored() }},
	"version":        {"9110 15.6.6", func(s *suspect) bool { return !strings.HasSuffix(s.first[:max(len(s.first)-2, 0)], "HTTP/1") }},
	"method":         {"9112 3, 9110 9.3.6", func(s *suspect) bool { return strings.HasPrefix(s.first, "CONNECT ") || len(s.method()) > 32 }},
	"target":         {"9112 3.2, 3986 2.1", func(s *suspect) bool { return !s.goodTarget() }},
	"line_end":       {"9112 2.2", func(s *suspect) bool { return lineEndExpr.MatchString(s.head+"\r\n") || !s.ignored() }},
	"fold":           {"9112 5.2", func(s *suspect) bool { return strings.Contains(s.head, "\r\n ") || strings.Contains(s.head, "\r\n\t") }},
	"field_name":     {"9110 5.1", func(s *suspect) bool { return !s.all(fieldExpr.MatchString) }},
	"field_value":    {"9110 5.5", func(s *suspect) bool { return !s.all(func(l string) bool { return !controlExpr.MatchString(l) }) }},
	"host":           {"9112 3.2", func(s *suspect) bool { return !s.goodHost() }},
	"content_type":   {"9110 8.3", func(s *suspect) bool { return len(s.values["content-type"]) > 1 }},
	"content_length": {"9110 8.6, 9112 6.3", func(s *suspect) bool { return !s.goodLength() }},
	"transfer_encoding": {"9112 6.1", func(s *suspect) bool {
		return len(s.values["transfer-encoding"]) > 1 || strings.HasSuffix(s.first, "1.0") || !s.chunked()
	}},
	"transfer_coding": {"9112 6.1", func(s *suspect) bool { return !s.chunked() }},
	"framing": {"9112 6.1", func(s *suspect) bool {
		return len(s.values["content-length"]) > 0 && len(s.values["transfer-encoding"]) > 0
	}},
	"expectation": {"9110 10.1.1", func(s *suspect) bool {
		for _, v := range s.values["expect"] {
			if !strings.EqualFold(v, "100-continue") {
				return true
			}
		}
		return false
	}},
	"chunk":            {"9112 7.1", func(s *suspect) bool { return s.faultOfChunks() == "chunk" }},
	"trailer":          {"9110 6.5.1", func(s *suspect) bool { return s.faultOfChunks() == "trailer" }},
	"long_chunk_line":  {"9112 7.1.1: a limit of ours", func(s *suspect) bool { return len(s.body) > maxChunkLine }},
	"long_trailer":     {"a limit of ours", func(s *suspect) bool { return len(s.body) > maxTrailer }},
	"chunk_extensions": {"9112 7.1.1: a limit of ours", func(s *suspect) bool { return len(s.body) > maxExtensions }},
	"large_body":       {"limits.body", func(s *suspect) bool { return regexp.MustCompile(`[0-9A-Fa-f]{6,}`).MatchString(s.head + s.body) }},
	"long_line":        {"limits.request_line", func(s *suspect) bool { return len(s.first) > 4<<10 }},
	"long_head":        {"limits.header_block", func(s *suspect) bool { return len(s.head) > 16<<10 }},
	"many_fields":      {"limits.header_count", func(s *suspect) bool { return len(s.lines) > 50 }},
}

func (s *suspect) all(good func(string) bool) bool {
	for _, line := range s.lines {
		if !good(line) {
			return false
		}
	}
	return true
}

// ignored tells whether what is in front of the message is nothing but empty lines, not too many.
func (s *suspect) ignored() bool {
	return strings.ReplaceAll(s.before, "\r\n", "") == "" && len(s.before) <= 2*maxEmptyLines
}

func (s *suspect) method() string {
	method, _, _ := strings.Cut(s.first, " ")
	return method
}

func (s *suspect) goodTarget() bool {
	words := strings.Split(s.first, " ")
	if len(words) != 3 || regexp.MustCompile(`[\x00-\x20#\x7f]`).MatchString(words[1]) {
		return false
	}
	if words[1] == "*" {
		return words[0] == "OPTIONS"
	}
	form := targetExpr.FindStringSubmatch(words[1])
	path, _, _ := strings.Cut(words[1], "?")
	return form != nil && (form[1] == "" || isGoodHost(form[1])) && !escapeExpr.MatchString(path)
}

func (s *suspect) goodHost() bool {
	hosts := s.values["host"]
	old := strings.HasSuffix(s.first, "1.0")
	if len(hosts) == 0 {
		return old
	}
	if len(hosts) == 1 && hosts[0] == "" {
		return old || strings.Contains(s.first, "://") // 9112 3.2.2: Host is ignored
	}
	return len(hosts) == 1 && isGoodHost(hosts[0])
}

func isGoodHost(host string) bool {
	parts := hostExpr.FindStringSubmatch(host)
	if parts == nil {
		return false
	}
	if addr, err := netip.ParseAddr(parts[2]); parts[2] != "" && (err != nil || !addr.Is6()) {
		return false
	}
	port, err := strconv.ParseUint("0"+parts[3], 10, 64)
	return err == nil && port < 1<<16
}

func (s *suspect) goodLength() bool {
	lengths := s.values["content-length"]
	if len(lengths) != 1 {
		return false
	}
	_, err := strconv.ParseInt(lengths[0], 10, 64)
	return err == nil && lengths[0][0] != '+' && lengths[0][0] != '-'
}

func (s *suspect) chunked() bool {
	codings := s.values["transfer-encoding"]
	return len(codings) == 1 && strings.EqualFold(codings[0], "chunked")
}

// faultOfChunks reads the body as chunks, and tells whether a chunk or the trailer is wrong.
func (s *suspect) faultOfChunks() string {
	for rest := s.body; ; {
		line := chunkExpr.FindStringSubmatch(rest)
		if line == nil || len(line[0]) > maxChunkLine+2 {
			return "chunk"
		}
		size, err := strconv.ParseInt(line[1], 16, 64)
		rest = rest[len(line[0]):]
		if err != nil || size+2 > int64(len(rest)) {
			return "chunk"
		}
		if size > 0 {
			if rest[size:size+2] != "\r\n" {
				return "chunk"
			}
			rest = rest[size+2:]
			continue
		}
		return faultOfTrailer(rest)
	}
}

func faultOfTrailer(rest string) string {
	for {
		line, after, found := strings.Cut(rest, "\r\n")
		switch {
		case !found, lineEndExpr.MatchString(line):
			return "chunk" // a line that does not end is a fault of the framing
		case line == "":
			return ""
		case !fieldExpr.MatchString(line) || controlExpr.MatchString(line) || framesExpr.MatchString(line):
			return "trailer"
		}
		rest = after
	}
}
