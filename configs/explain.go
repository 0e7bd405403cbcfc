package configs

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// ErrNoSuchKey is the cause when `explain` is asked about a key that does not exist.
var ErrNoSuchKey = errors.New("no such key")

// ExplainAll gives every key with its present value and where that came from, one line each.
func (l *Loaded) ExplainAll() string {
	var b strings.Builder
	for _, key := range Keys() {
		if isEntryKey(key) {
			continue
		}
		fmt.Fprintf(&b, "%-24s  %-28s  %s\n", key.Path, orDash(l.valueAt(key.Path)), l.Sources.Of(key.Path))
	}
	return b.String()
}

// Explain gives meaning, default, present value and its origin of one key, by its path or its environment variable, or of
// all keys below a path. The error is ErrNoSuchKey, with a suggestion.
func (l *Loaded) Explain(path string) (string, error) {
	var b strings.Builder
	var known []string
	for _, key := range Keys() {
		known = append(known, key.Path)
		below := key.Section() == path || strings.HasPrefix(key.Path, path+".")
		if key.Path != path && !below && (key.Env == "" || key.Env != strings.TrimPrefix(path, "$")) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		l.explainKey(&b, key)
	}
	if b.Len() == 0 {
		return "", l.unknownKey(path, known)
	}
	return b.String(), nil
}

func (l *Loaded) unknownKey(path string, known []string) error {
	section, leaf, _ := strings.Cut(path, ".")
	if leaf == "" {
		section, leaf = "", path
	}
	if near := Nearest(path, known); near != "" && (section != "" || inAnotherSection("", leaf) == "") {
		return fmt.Errorf("%q: %w; did you mean %s?", path, ErrNoSuchKey, near)
	}
	return fmt.Errorf("%q: %w%s", path, ErrNoSuchKey, suggestKey(section, leaf, sectionNames()))
}

func (l *Loaded) explainKey(b *strings.Builder, key Key) {
	fmt.Fprintf(b, "%s (%s)\n", key.Path, key.Type)
	for _, line := range wrap(key.PlainDoc(), 76) {
		fmt.Fprintf(b, "  %s\n", line)
	}
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "  %-8s %s\n", name, text)
		}
	}
	row("values", strings.Join(key.Choices, ", "))
	if key.Max != "" {
		row("range", key.Min+" to "+key.Max)
	}
	row("default", orDash(key.Default))
	if key.Env != "" {
		row("variable", "$"+key.Env)
	}
	if key.Flag != "" {
		row("flag", "--"+key.Flag)
	}
	if limit, there := limitOf(key.Path); there {
		row("client", plain(limit.client))
		row("log", plain(limit.log))
		row("counter", plain(limit.counter))
	}
	if !isEntryKey(key) {
		row("now", orDash(l.valueAt(key.Path))+"  ("+l.Sources.Of(key.Path).String()+")")
		return
	}
	l.explainEntries(row, key)
}

// explainEntries shows a key below a list once for each entry of the list.
func (l *Loaded) explainEntries(row func(name, text string), key Key) {
	path, leaf, _ := cutEntryKey(key.Path)
	list := lookup(reflect.ValueOf(l.Config), path)
	for i := range list.Len() {
		value := formatValue(lookup(list.Index(i), leaf))
		source := l.Sources.Of(fmt.Sprintf("%s[%d].%s", path, i, leaf))
		if _, own := l.Sources[fmt.Sprintf("%s[%d].%s", path, i, leaf)]; !own && leaf != "listen" {
			source = Source{Kind: SourceDefault}
		}
		row(fmt.Sprintf("now [%d]", i), orDash(value)+"  ("+source.String()+")")
	}
}

// orDash makes an empty value visible.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// plain takes the marks of Markdown away.
func plain(text string) string { return strings.ReplaceAll(text, "`", "") }

// PlainDoc is Doc for a terminal: a link to a page is the page's place in the source tree.
func (k Key) PlainDoc() string {
	return regexp.MustCompile(`\[[^]]*\]\(([a-z-]+\.md)[^)]*\)`).ReplaceAllString(k.Doc, "docs/$1")
}

// wrap breaks a text into lines of at most width bytes, at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
