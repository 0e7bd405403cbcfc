package configs

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Key is one row of the table of everything that can be set.
type Key struct {
	Path    string   // "workers.threads"; below a list of listeners "http.listen"
	Type    string   // for people: "duration", "size", …
	Default string   // as one would write it; empty: nothing
	Env     string   // the variable that sets it; empty: only the file can
	Flag    string   // the flag of `penknife serve` that sets it, without dashes; empty: none
	Doc     string   // whole sentences
	Choices []string // the only values, when there are few
	Min     string   // smallest value, when there is a bound
	Max     string   // largest value, when there is a bound

	list bool // can be given more than once on the command line
}

// Section gives the part of the path before its first dot: "workers".
func (k Key) Section() string {
	section, _, _ := strings.Cut(k.Path, ".")
	return section
}

// IsBool says that a flag of this key needs no value to mean true.
func (k Key) IsBool() bool { return k.Type == typeBool }

// IsList says that a flag of this key may be given more than once.
func (k Key) IsList() bool { return k.list }

// The types as the reference names them.
const (
	typeText      = "text"
	typeBool      = "true or false"
	typeNumber    = "number"
	typeSize      = "size"
	typeMode      = "file mode"
	typeDuration  = "duration"
	typeProcesses = "auto, a number or a range"
	typePercent   = "percentage"
	typeRatio     = "0 to 1"
	typeTexts     = "list of texts"
	typeVariables = "names and values"
	typeListeners = "list of listeners"
	typeMounts    = "list of mounts"
	typeEntries   = "list of mappings"
)

// Keys gives the whole table in the order of the struct. It is made anew by each call.
func Keys() []Key {
	return appendKeys(nil, reflect.ValueOf(Default()), "", false)
}

// appendKeys walks a struct. inList says that it is the element of a list, which no variable and no flag can reach.
func appendKeys(keys []Key, v reflect.Value, prefix string, inList bool) []Key {
	for i := range v.NumField() {
		name := yamlName(v.Type().Field(i))
		path, field := join(prefix, name), v.Field(i)
		if isSection(field) {
			keys = appendKeys(keys, field, path, inList)
			continue
		}
		keys = append(keys, newKey(path, field, inList))
		if isEntryList(field) {
			keys = appendKeys(keys, newEntry(field.Type().Elem()), path, true)
		}
	}
	return keys
}

func newKey(path string, field reflect.Value, inList bool) Key {
	d := docOf(path)
	key := Key{
		Path: path, Type: typeName(field), Doc: d.doc, Flag: d.flag, Choices: d.choices,
		list: field.Kind() == reflect.Slice,
	}
	if !field.IsZero() || field.Type() != reflect.TypeFor[string]() {
		key.Default = formatValue(field)
	}
	if d.max != 0 {
		key.Min, key.Max = formatNumber(field.Type(), d.min), formatNumber(field.Type(), d.max)
	}
	if !inList && key.Type != typeVariables && key.Type != typeEntries {
		key.Env = envName(path)
	}
	return key
}

// isSection says that a value has keys of its own, and is not one value that is written in several ways.
func isSection(v reflect.Value) bool {
	return v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Processes]()
}

// isEntryList says that a value is a list of mappings: of listeners or of mounts.
func isEntryList(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct
}

func typeName(v reflect.Value) string {
	switch v.Interface().(type) {
	case ByteSize:
		return typeSize
	case FileMode:
		return typeMode
	case Percent:
		return typePercent
	case Ratio:
		return typeRatio
	case Processes:
		return typeProcesses
	case time.Duration:
		return typeDuration
	case bool:
		return typeBool
	case int:
		return typeNumber
	case []string:
		return typeTexts
	case map[string]string:
		return typeVariables
	}
	if isEntryList(v) && v.Type().Elem() == reflect.TypeFor[Static]() {
		return typeMounts
	}
	if isEntryList(v) && fieldNamed(newEntry(v.Type().Elem()), "listen").IsValid() {
		return typeListeners
	}
	if isEntryList(v) {
		return typeEntries
	}
	return typeText
}

// formatValue gives a value as one would write it in the file.
func formatValue(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return formatDuration(value)
	case []string:
		return strings.Join(value, ",")
	case []HTTP, []Uwsgi:
		return formatListeners(v)
	case []Static:
		return formatMounts(value)
	case []CacheRule:
		return formatRules(value)
	case []Daemon, []CronJob:
		return formatNames(v)
	case map[string]string:
		return fmt.Sprintf("%d set", len(value))
	}
	return fmt.Sprint(v.Interface())
}

func formatListeners(v reflect.Value) string {
	addresses := make([]string, v.Len())
	for i := range addresses {
		addresses[i] = v.Index(i).FieldByName("Listen").String()
	}
	return strings.Join(addresses, ",")
}

// formatNames gives the names of entries that have one.
func formatNames(v reflect.Value) string {
	names := make([]string, v.Len())
	for i := range names {
		names[i] = v.Index(i).FieldByName("Name").String()
	}
	return strings.Join(names, ",")
}

// formatMounts gives URL=ROOT for each mount, as behind --static.
func formatMounts(mounts []Static) string {
	texts := make([]string, len(mounts))
	for i, m := range mounts {
		texts[i] = m.URL + "=" + m.Root
	}
	return strings.Join(texts, ",")
}

// formatRules gives the paths that have a rule.
func formatRules(rules []CacheRule) string {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = r.Path
	}
	return strings.Join(texts, ",")
}

// formatNumber gives a bound in the unit of the type that it bounds.
func formatNumber(t reflect.Type, n int64) string {
	v := reflect.New(t).Elem()
	v.SetInt(n)
	return formatValue(v)
}

func yamlName(f reflect.StructField) string { return f.Tag.Get("yaml") }

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// envPrefix starts the names of all our environment variables.
const envPrefix = "PENKNIFE_"

func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// lookup finds the value at a path such as "workers.threads". It serves only paths without a list in them.
func lookup(v reflect.Value, path string) reflect.Value {
	for _, name := range strings.Split(path, ".") {
		v = fieldNamed(v, name)
	}
	return v
}

// fieldNamed gives the struct's field of that YAML name, or the zero Value.
func fieldNamed(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if yamlName(v.Type().Field(i)) == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = yamlName(t.Field(i))
	}
	return names
}
