package configs

import (
	"fmt"
	"reflect"
	"strings"
)

// InForce is one key with its present value.
type InForce struct {
	Path   string // "workers.threads", "http[0].listen"
	Value  string // as one would write it, passwords blotted out; empty: nothing
	Source Source
}

// blot stands where a password was.
const blot = "***"

// secretNames are parts of names whose values are nobody's business.
var secretNames = []string{"password", "passphrase", "secret", "token"}

// Settings lists every key in the order of the reference, entries of lists one by one, for a page that people see.
func (l *Loaded) Settings() []InForce {
	var all []InForce
	add := func(path, value string, source Source) {
		all = append(all, InForce{Path: path, Value: redact(path, value), Source: source})
	}
	root := reflect.ValueOf(l.Config)
	for _, key := range Keys() {
		if isEntryKey(key) {
			section, leaf, _ := cutEntryKey(key.Path)
			list := lookup(root, section)
			for i := range list.Len() {
				path := fmt.Sprintf("%s[%d].%s", section, i, leaf)
				source := l.Sources.Of(path)
				if _, own := l.Sources[path]; !own && leaf != "listen" {
					source = Source{Kind: SourceDefault} // the line of the list says nothing about this one
				}
				add(path, formatValue(lookup(list.Index(i), leaf)), source)
			}
			continue
		}
		value := lookup(root, key.Path)
		if isEntryList(value) && value.Len() > 0 {
			continue // its entries follow
		}
		add(key.Path, formatValue(value), l.Sources.Of(key.Path))
	}
	return all
}

// redact takes secrets out of a value: all of it by its name, and what URLs have before the host and behind the path.
func redact(path, value string) string {
	leaf := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	for _, name := range secretNames {
		if value != "" && strings.Contains(leaf, name) {
			return blot
		}
	}
	var clean strings.Builder
	for {
		before, rest, found := strings.Cut(value, "://")
		clean.WriteString(before)
		if !found {
			return clean.String()
		}
		end := strings.IndexAny(rest, ", ")
		if end < 0 {
			end = len(rest)
		}
		clean.WriteString("://" + redactURL(rest[:end]))
		value = rest[end:]
	}
}

// redactURL takes user, password and query out of what follows the scheme. A password may have been written with
// characters that should have been escaped, so everything up to the last @ goes.
func redactURL(url string) string {
	url, _, query := strings.Cut(url, "?")
	if at := strings.LastIndexByte(url, '@'); at >= 0 {
		url = blot + url[at:]
	}
	if query {
		url += "?" + blot
	}
	return url
}
