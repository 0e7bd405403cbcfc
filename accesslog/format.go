package accesslog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"penknife/configs"
)

// Names of the formats that need no format string.
const (
	Combined = "combined" // Apache's and nginx's
	JSON     = "json"
	Uwsgi    = "uwsgi" // uWSGI's request line
)

// combinedFormat is the combined format in gunicorn's atoms, but for the request line of a request without one.
const combinedFormat = `%(h)s - %(u)s %(t)s "%(r)s" %(s)s %(B)s "%(f)s" "%(a)s"`

// uwsgiFormat is uWSGI's request line in its own atoms and two of ours (logging.c of uWSGI prints it without a format).
const uwsgiFormat = `[pid: %(pid)|app: %(app_index)|req: %(worker_requests)/%(requests)] %(addr) (%(user_or_nothing)) ` +
	`{%(vars) vars in %(pktsize) bytes} [%(ctime)] %(method) %(uri) => generated %(rsize) bytes in %(msecs) msecs ` +
	`(%(proto) %(status)) %(headers) headers in %(hsize) bytes (%(switches) switches on core %(core))`

// piece appends one part of a record.
type piece func(dst []byte, e *entry) []byte

// Format is a compiled format. It does not change and may be shared.
type Format struct {
	pieces []piece
	vars   []string // variables whose values it needs
	scans  bool     // it needs the variables, or their number
	limit  int
}

// ErrFormat is the beginning of what is wrong with a format string.
var ErrFormat = errors.New("access log format")

// Compile makes a format of one of the names, or of a format string. With atoms of gunicorn, such as %(h)s or
// %({referer}i)s, every atom ends with the s of its conversion; otherwise the atoms are uWSGI's: %(addr). Values longer
// than limit bytes are cut. The error names what is wrong and what may have been meant.
func Compile(text string, limit int) (*Format, error) {
	f := &Format{limit: limit}
	switch text {
	case Combined:
		text = combinedFormat
	case Uwsgi:
		text = uwsgiFormat
	case JSON:
		f.compileJSON()
		return f, nil
	}
	c := compiler{format: f, atoms: uwsgiAtoms}
	if isGunicorn(text) {
		c.gunicorn, c.atoms = true, gunicornAtoms
	}
	return f, c.compile(text)
}

// Atoms lists the names that a format string may have, gunicorn's first, for the documentation's test.
func Atoms() (gunicorn, uwsgi, own []string) {
	return sortedNames(gunicornAtoms), sortedNames(uwsgiAtoms), sortedNames(ownAtoms)
}

func sortedNames(atoms map[string]piece) []string {
	var names []string
	for name := range atoms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// isGunicorn tells the style by the first atom that only gunicorn has: one letter, or a name in braces, and an s.
func isGunicorn(text string) bool {
	for rest := text; ; {
		at := strings.Index(rest, "%(")
		if at < 0 {
			return false
		}
		name, after, closed := strings.Cut(rest[at+2:], ")")
		if closed && strings.HasPrefix(after, "s") && (len(name) == 1 || strings.HasPrefix(name, "{")) {
			return true
		}
		rest = rest[at+2:]
	}
}

type compiler struct {
	format   *Format
	atoms    map[string]piece
	gunicorn bool
}

// compile splits a format string into texts and atoms.
func (c *compiler) compile(text string) error {
	if !strings.Contains(text, "%(") {
		return fmt.Errorf("%w: %q is neither off, combined, json or uwsgi nor has it an atom such as %%(status)", ErrFormat, text)
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("%w: it has a control character: each request is one line", ErrFormat)
		}
	}
	for text != "" {
		at := strings.IndexByte(text, '%')
		if at < 0 {
			at = len(text)
		}
		c.literal(text[:at])
		var err error
		if text, err = c.atom(text[at:]); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) literal(text string) {
	if text != "" {
		c.format.pieces = append(c.format.pieces, func(dst []byte, _ *entry) []byte { return append(dst, text...) })
	}
}

// atom compiles what text begins with, a percent sign, and gives what follows.
func (c *compiler) atom(text string) (rest string, err error) {
	switch {
	case text == "":
		return "", nil
	case strings.HasPrefix(text, "%%"):
		c.literal("%")
		return text[2:], nil
	case !strings.HasPrefix(text, "%("):
		return "", fmt.Errorf("%w: %.12q: an atom is written %%(name), and a percent sign %%%%", ErrFormat, text)
	}
	name, rest, closed := strings.Cut(text[2:], ")")
	if !closed {
		return "", fmt.Errorf("%w: %.24q has no closing parenthesis", ErrFormat, text)
	}
	if c.gunicorn {
		if rest, closed = strings.CutPrefix(rest, "s"); !closed {
			return "", fmt.Errorf("%w: %%(%s) needs the conversion s: %%(%[2]s)s", ErrFormat, name)
		}
	}
	p, err := c.find(name)
	if err == nil {
		c.format.pieces = append(c.format.pieces, p)
	}
	return rest, err
}

// find gives what an atom stands for.
func (c *compiler) find(name string) (piece, error) {
	if p := c.variable(name); p != nil {
		return p, nil
	}
	if name == "user_or_nothing" {
		i := c.format.need("REMOTE_USER")
		return func(dst []byte, e *entry) []byte { return appendEscaped(dst, e.values[i], e.limit) }, nil
	}
	for _, atoms := range []map[string]piece{c.atoms, ownAtoms} {
		if p, known := atoms[name]; known {
			c.format.scans = c.format.scans || name == "vars"
			for _, needed := range neededVars[name] {
				p = c.need(needed)
			}
			return p, nil
		}
	}
	hint := ""
	if near := configs.Nearest(name, append(sortedNames(c.atoms), sortedNames(ownAtoms)...)); near != "" {
		hint = fmt.Sprintf("; did you mean %%(%s)?", near)
	}
	return nil, fmt.Errorf("%w: unknown atom %%(%s)%s", ErrFormat, name, hint)
}

// neededVars are atoms that are variables which no view is taken of.
var neededVars = map[string][]string{
	"u": {"REMOTE_USER"}, "f": {"HTTP_REFERER"}, "a": {"HTTP_USER_AGENT"},
	"user": {"REMOTE_USER"}, "referer": {"HTTP_REFERER"}, "uagent": {"HTTP_USER_AGENT"},
}

// variable compiles an atom that names a header or a variable: {referer}i, {server}o, {HTTPS}e, var.HTTPS.
func (c *compiler) variable(name string) piece {
	if key, is := strings.CutPrefix(name, "var."); is && !c.gunicorn && key != "" {
		return c.need(key)
	}
	end := strings.LastIndexByte(name, '}')
	if !c.gunicorn || !strings.HasPrefix(name, "{") || end != len(name)-2 || end < 2 {
		return nil
	}
	key := name[1:end]
	switch name[end+1] {
	case 'i':
		return c.need(headerVariable(key))
	case 'o':
		lower := strings.ToLower(key)
		return func(dst []byte, e *entry) []byte { return appendField(dst, e.field(lower), e.limit) }
	case 'e':
		return c.need(key)
	}
	return nil
}

// headerVariable is the variable of a request's header (RFC 3875 section 4.1.18).
func headerVariable(header string) string {
	name := strings.ToUpper(strings.ReplaceAll(header, "-", "_"))
	if name == "CONTENT_TYPE" || name == "CONTENT_LENGTH" {
		return name
	}
	return "HTTP_" + name
}

// need makes the scan look for a variable, and gives the piece that appends it.
func (c *compiler) need(variable string) piece {
	i := c.format.need(variable)
	return func(dst []byte, e *entry) []byte { return appendField(dst, e.values[i], e.limit) }
}

func (f *Format) need(variable string) int {
	f.scans = true
	i := slices.Index(f.vars, variable)
	if i < 0 {
		i = len(f.vars)
		f.vars = append(f.vars, variable)
	}
	return i
}
