package configs

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// ownFields are the header fields that penknife makes from the file.
var ownFields = []string{
	"accept-ranges", "cache-control", "connection", "content-encoding", "content-length", "content-range", "content-type",
	"date", "etag", "keep-alive", "last-modified", "location", "server", "trailer", "transfer-encoding", "upgrade", "vary",
}

func (c *checker) staticURL() {
	seen := map[string]int{}
	for i, s := range c.loaded.Config.Static {
		path := fmt.Sprintf("static[%d].url", i)
		switch {
		case s.URL == "":
			c.complain(path, "is missing: a mount needs a prefix such as /static/")
			continue
		case s.URL[0] != '/' || strings.Contains(s.URL, "//") || slices.Contains(strings.Split(s.URL, "/"), ".."):
			c.complain(path, "%q is not a path: write it from the first slash, as in /static/", s.URL)
		case strings.ContainsAny(s.URL, "?#%\\\x00"):
			c.complain(path, "%q is compared with decoded paths: write it without escapes, query or backslash", s.URL)
		}
		prefix := strings.TrimRight(s.URL, "/")
		if first, twice := seen[prefix]; twice {
			c.complain(path, "%s is taken by static[%d]", s.URL, first)
		}
		seen[prefix] = i
	}
}

func (c *checker) staticRoot() {
	for i, s := range c.loaded.Config.Static {
		path := fmt.Sprintf("static[%d].root", i)
		if s.Root == "" {
			c.complain(path, "is missing: a mount needs a directory or a file")
			continue
		}
		info, err := os.Stat(absolute(s.Root))
		switch {
		case err != nil:
			c.complain(path, "%v", err)
		case !info.IsDir() && !info.Mode().IsRegular():
			c.complain(path, "%s is neither a directory nor a regular file", s.Root)
		case !info.IsDir() && strings.HasSuffix(s.URL, "/"):
			c.complain(path, "%s is a file: write its URL without a slash at the end", s.Root)
		}
	}
}

// staticNames checks what is looked up below the root.
func (c *checker) staticNames() {
	for i, s := range c.loaded.Config.Static {
		entry := fmt.Sprintf("static[%d]", i)
		for _, name := range s.Index {
			if name == "" || strings.ContainsAny(name, "/\x00") || name[0] == '.' {
				c.complain(entry+".index", "%q is not the name of a file", name)
			}
		}
		switch {
		case s.Fallback == "":
		case s.Fallthrough:
			c.complain(entry+".fallback", "never answers, because fallthrough gives every miss to the application: remove one")
		case s.Fallback[0] == '/' || slices.ContainsFunc(strings.Split(s.Fallback, "/"), isHidden):
			c.complain(entry+".fallback", "%q must be a path below root, without dot segments", s.Fallback)
		}
		if s.Immutable != ImmutableAuto && s.Immutable != ImmutableOff {
			if _, err := regexp.Compile(s.Immutable); err != nil || s.Immutable == "" {
				c.complain(entry+".immutable", "%q is neither auto nor off nor a regular expression", s.Immutable)
			}
		}
	}
}

func isHidden(segment string) bool { return segment == "" || segment[0] == '.' }

func (c *checker) staticHeaders() {
	for i, s := range c.loaded.Config.Static {
		entry := fmt.Sprintf("static[%d]", i)
		if !isFieldValue(s.CacheControl) {
			c.complain(entry+".cache_control", "%q has a character that a header field cannot have", s.CacheControl)
		}
		for name, value := range s.Headers {
			path := entry + ".headers." + name
			switch {
			case !isToken(name) || !isFieldValue(value):
				c.complain(path, "cannot be a header field: a name has letters, digits and dashes, a value no line break")
			case slices.Contains(ownFields, strings.ToLower(name)):
				c.complain(path, "%s is made by penknife; Cache-Control has the key cache_control, Content-Type the key types", name)
			}
		}
		for extension, value := range s.Types {
			if len(extension) < 2 || extension[0] != '.' || extension != strings.ToLower(extension) ||
				!strings.Contains(value, "/") || !isFieldValue(value) {
				c.complain(entry+".types."+extension, "write an extension with its dot in small letters and a media type: {.map: application/json}")
			}
		}
	}
}

// isToken says what RFC 9110 section 5.6.2 permits as a field name.
func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		isAlnum := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !isAlnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

func isFieldValue(value string) bool {
	return strings.TrimSpace(value) == value &&
		!strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
