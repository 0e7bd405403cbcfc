package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// decode applies a YAML file. It goes through the nodes itself, since only so every problem has a line and all of
// them come out at once.
func (l *loader) decode(source Source, text []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return
	}
	if err != nil {
		l.syntaxError(source, err, text)
		return
	}
	d := nodeDecoder{loader: l, source: source}
	d.mapping(document.Content[0], document.Content[0], l.root, "")
	var next yaml.Node
	if err := decoder.Decode(&next); err == nil {
		l.problems.add(RuleDocuments, d.at(&next), "", "a second document starts here; only one is read, remove the ---")
	} else if !errors.Is(err, io.EOF) {
		l.syntaxError(source, err, text)
	}
}

// syntaxError moves the line out of the parser's message, which is the only place where it is, and says in plain words
// what is wrong with a tab.
func (l *loader) syntaxError(source Source, err error, text []byte) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	source.Line = unnamedLine(text)
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		number, rest, _ := strings.Cut(rest, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			source.Line, message = line, rest
		}
	}
	lines := bytes.Split(text, []byte("\n"))
	if n := source.Line; n > 0 && n <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[n-1], " "), []byte("\t")) {
		message = "the line begins with a tab; indent with spaces"
	}
	l.problems.add(RuleSyntax, source, "", "not valid YAML: %s", message)
}

// unnamedLine is where a problem is for which the parser names no line: where the first character stands that YAML has no
// place for, or else the first line.
func unnamedLine(text []byte) int {
	at := bytes.IndexFunc(text, func(r rune) bool {
		return r == utf8.RuneError || r == 0x7f || r < ' ' && r != '\t' && r != '\n' && r != '\r'
	})
	return 1 + bytes.Count(text[:max(at, 0)], []byte("\n"))
}

// nodeDecoder puts YAML nodes into the fields of one configuration.
type nodeDecoder struct {
	*loader
	source Source
}

func (d nodeDecoder) at(node *yaml.Node) Source {
	source := d.source
	source.Line = node.Line
	return source
}

func (d nodeDecoder) complain(rule Rule, node *yaml.Node, path, format string, args ...any) {
	d.problems.add(rule, d.at(node), path, format, args...)
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// mapping fills a struct; problems with the node as a whole are reported at place, its key. A section without content is as good as none: everything in it may be commented out.
func (d nodeDecoder) mapping(place, node *yaml.Node, into reflect.Value, path string) {
	node = resolve(node)
	if isNull(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		what, hint := "this", ""
		if path == "" {
			what, hint = "the file", " (docs/migrating.md has them for uwsgi.ini and gunicorn.conf.py)"
		}
		d.complain(RuleMapping, place, path, "%s must be a mapping of keys and values%s; known are %s",
			what, hint, strings.Join(fieldNames(into.Type()), ", "))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		full := join(path, name.Value)
		if first, twice := seen[name.Value]; twice {
			d.complain(RuleDuplicate, name, full, "is set twice, first in line %d", first)
			continue
		}
		seen[name.Value] = name.Line
		if field := fieldNamed(into, name.Value); field.IsValid() {
			d.value(name, value, field, full)
			continue
		}
		d.unknown(name, into.Type(), path)
	}
}

func (d nodeDecoder) unknown(name *yaml.Node, in reflect.Type, path string) {
	full := join(path, name.Value)
	section, _, _ := strings.Cut(path, "[")
	d.complain(RuleUnknown, name, full, "no such key%s", suggestKey(section, name.Value, fieldNames(in)))
}

// value fills the field that belongs to a key. Problems are reported where the key stands.
func (d nodeDecoder) value(key, node *yaml.Node, into reflect.Value, path string) {
	node = resolve(node)
	if isSection(into) {
		d.mapping(key, node, into, path)
		return
	}
	d.loaded.Sources[path] = d.at(key)
	switch {
	case isNull(node):
		d.complain(RuleNoValue, key, path, "has no value: give it one, or remove the line")
	case isEntryList(into) && node.Kind != yaml.SequenceNode:
		d.complain(RuleList, key, path, "must be a %s: write [{%s}]", typeName(into), entryExample(into.Type().Elem()))
	case docOf(path).single && node.Kind == yaml.ScalarNode:
		into.Set(reflect.ValueOf([]string{node.Value}))
	case into.Kind() == reflect.Slice && node.Kind != yaml.SequenceNode:
		d.complain(RuleList, key, path, "must be a list: write [%s]", node.Value)
	case into.Kind() == reflect.Map && node.Kind != yaml.MappingNode:
		d.complain(RuleMapping, key, path, "must be a mapping: write {NAME: value}")
	case isEntryList(into):
		d.entries(node, into, path)
	case into.Kind() == reflect.Slice:
		d.texts(node, into, path)
	case into.Kind() == reflect.Map:
		d.variables(node, into, path)
	case node.Kind == yaml.MappingNode && into.Type() == reflect.TypeFor[Processes]():
		d.processes(key, node, into, path)
	case node.Kind != yaml.ScalarNode:
		d.complain(RuleValue, key, path, "must be a single value (%s)", typeName(into))
	default:
		if err := setText(into, node.Value); err != nil {
			d.complain(RuleValue, key, path, "%v", err)
		}
	}
}

// entries fills a list of mappings.
func (d nodeDecoder) entries(node *yaml.Node, into reflect.Value, path string) {
	elem := into.Type().Elem()
	list := reflect.MakeSlice(into.Type(), 0, len(node.Content))
	for i, item := range node.Content {
		entry := fmt.Sprintf("%s[%d]", path, i)
		value := newEntry(elem)
		item = resolve(item)
		d.loaded.Sources[entry] = d.at(item)
		if item.Kind == yaml.ScalarNode && !isNull(item) {
			d.complain(RuleMapping, item, entry, "must be a mapping: write {%s}", entryFrom(elem, item.Value))
		} else {
			d.mapping(item, item, value, entry)
			d.address(value, entry+".listen")
		}
		list = reflect.Append(list, value)
	}
	into.Set(list)
}

func entryExample(elem reflect.Type) string { return entryFrom(elem, "ADDRESS") }

// entryFrom shows how an entry is written for which there is only one text.
func entryFrom(elem reflect.Type, text string) string {
	switch elem {
	case reflect.TypeFor[Static]():
		return "url: /static/, root: DIRECTORY"
	case reflect.TypeFor[CacheRule]():
		return "path: /api/, ttl: 30s"
	case reflect.TypeFor[Daemon]():
		return "name: NAME, command: COMMAND"
	case reflect.TypeFor[CronJob]():
		return `name: NAME, schedule: "@daily", command: COMMAND`
	}
	return fmt.Sprintf("listen: %q", text)
}

// address spells a listener's address out, and checks it here and not only when all sources are read, so that a bad one is told also if
// flags replace the list.
func (d nodeDecoder) address(entry reflect.Value, path string) {
	field := fieldNamed(entry, "listen")
	if !field.IsValid() || field.String() == "" {
		return
	}
	field.SetString(spellOut(field.String()))
	if _, err := parseAddress(field.String()); err != nil {
		d.problems.add(ruleAddress, d.loaded.Sources.Of(path), path, "%v", err)
	}
}

// processes reads {min: 2, max: 16}.
func (d nodeDecoder) processes(key, node *yaml.Node, into reflect.Value, path string) {
	values := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		values[node.Content[i].Value] = resolve(node.Content[i+1]).Value
	}
	p, err := newProcesses(values["min"], values["max"])
	if err != nil || len(values) != 2 {
		d.complain(RuleValue, key, path, "must be {min: 2, max: 16}, two whole numbers from 1 to %d, or auto, or one number",
			processesLimit)
		return
	}
	into.Set(reflect.ValueOf(p))
}

func (d nodeDecoder) texts(node *yaml.Node, into reflect.Value, path string) {
	var list []string
	for i, item := range node.Content {
		if item = resolve(item); item.Kind != yaml.ScalarNode || isNull(item) {
			d.complain(RuleValue, item, fmt.Sprintf("%s[%d]", path, i), "must be a single value (%s)", typeText)
			continue
		}
		list = append(list, item.Value)
	}
	into.Set(reflect.ValueOf(list))
}

func (d nodeDecoder) variables(node *yaml.Node, into reflect.Value, path string) {
	values := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], resolve(node.Content[i+1])
		full := join(path, name.Value)
		d.loaded.Sources[full] = d.at(value)
		if value.Kind != yaml.ScalarNode || isNull(value) {
			d.complain(RuleValue, value, full, `must be a single value; for an empty one write ""`)
			continue
		}
		if _, twice := values[name.Value]; twice {
			d.complain(RuleDuplicate, name, full, "is set twice")
		}
		values[name.Value] = value.Value
	}
	into.Set(reflect.ValueOf(values))
}
