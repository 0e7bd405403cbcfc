package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
)

// DefaultFile is read from the current directory when no other file is named.
const DefaultFile = "penknife.yaml"

// fileLimit bounds a configuration file; a larger one is another kind of file.
const fileLimit = 1 << 20

// Options says what a configuration is made from.
type Options struct {
	// File is the file that --config names. Empty: $PENKNIFE_CONFIG, then DefaultFile if it exists.
	File string
	// Environ is the environment as os.Environ gives it.
	Environ []string
	// Settings come from the command line.
	Settings []Setting
}

// Setting is one flag of the command line, with all values that it was given.
type Setting struct {
	Path   string // the key, such as "workers.threads"
	Name   string // for messages: "--threads"
	Values []string
}

// Loaded is a configuration and where its values came from.
type Loaded struct {
	Config  Config
	Sources Sources
	File    string // the file that was read; empty: none
}

// Load makes a configuration: defaults, then the file, then the environment, then the command line; what comes later
// wins. It reads at most one file and checks the result. The result is never nil, also not with an error, so that
// `explain` can show what was understood; an error is always a *Problems with everything that was found.
func Load(options Options) (*Loaded, error) {
	l := newLoader(options.Environ)
	l.readFile(options.File)
	l.readEnviron()
	for _, s := range options.Settings {
		l.set(s.Path, Source{Kind: SourceFlag, Name: s.Name}, s.Values)
	}
	for _, single := range []*string{&l.loaded.Config.Admin.Listen, &l.loaded.Config.Stats, &l.loaded.Config.Control.Listen} {
		*single = spellOut(*single)
	}
	l.addDefaultListener()
	l.check()
	if len(l.problems.List) == 0 {
		return l.loaded, nil
	}
	slices.SortStableFunc(l.problems.List, byPlace)
	return l.loaded, &l.problems
}

// loader gathers a configuration and everything that is wrong with it.
type loader struct {
	loaded   *Loaded
	root     reflect.Value // loaded.Config, settable
	environ  map[string]string
	problems Problems
}

func newLoader(environ []string) *loader {
	l := &loader{
		loaded:  &Loaded{Config: Default(), Sources: Sources{}},
		environ: make(map[string]string, len(environ)),
	}
	l.root = reflect.ValueOf(&l.loaded.Config).Elem()
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			l.environ[name] = value
		}
	}
	return l
}

// byPlace sorts file first, by line, then the environment, then flags, then what has no place at all.
func byPlace(a, b Problem) int {
	rank := func(p Problem) int {
		if p.Source.Kind <= SourceDefault {
			return 1 << 30
		}
		return int(p.Source.Kind)<<24 + min(p.Source.Line, 1<<24-1)
	}
	return rank(a) - rank(b)
}

func (l *loader) readFile(name string) {
	explicit := name != ""
	if !explicit {
		name = l.environ[envConfig]
		explicit = name != ""
	}
	if !explicit {
		name = DefaultFile
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return
	}
	l.loaded.File = name
	source := Source{Kind: SourceFile, Name: name}
	if err == nil && info.Size() > fileLimit {
		l.problems.add(RuleTooLarge, source, "", "%s is more than any configuration needs; is it another file?",
			ByteSize(info.Size()))
		return
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(name) //nolint:gosec // the operator names the file
	}
	if err != nil {
		l.problems.add(RuleSyntax, source, "", "cannot be read: %v", errors.Unwrap(err))
		return
	}
	l.decode(source, text)
}

// set gives the value at a path its texts, as they stand in a variable or behind a flag.
func (l *loader) set(path string, source Source, values []string) {
	v := lookup(l.root, path)
	l.loaded.Sources.forget(path)
	l.loaded.Sources[path] = source
	if path == "static" {
		l.setMounts(source, values)
		return
	}
	if isEntryList(v) {
		l.setListeners(v, path, source, values)
		return
	}
	if v.Type() == reflect.TypeFor[[]string]() {
		v.Set(reflect.ValueOf(values))
		return
	}
	if err := setText(v, values[len(values)-1]); err != nil {
		l.problems.add(RuleValue, source, path, "%v", err)
	}
	if path == "cache.size" && source.Kind == SourceFlag {
		l.set("cache.enabled", source, []string{"true"}) // --cache SIZE means both
	}
}

// setListeners replaces a list of listeners by addresses. An address that the file has too keeps its other keys.
func (l *loader) setListeners(v reflect.Value, path string, source Source, addresses []string) {
	list := reflect.MakeSlice(v.Type(), 0, len(addresses))
	for i, address := range addresses {
		address = spellOut(address)
		entry := newEntry(v.Type().Elem())
		for known := range v.Len() {
			if v.Index(known).FieldByName("Listen").String() == address {
				entry.Set(v.Index(known))
			}
		}
		entry.FieldByName("Listen").SetString(address)
		list = reflect.Append(list, entry)
		l.loaded.Sources[fmt.Sprintf("%s[%d].listen", path, i)] = source
	}
	v.Set(list)
}

// setMounts replaces the list of mounts by those that are written URL=ROOT. A URL that the file has too keeps its other
// keys.
func (l *loader) setMounts(source Source, texts []string) {
	list := make([]Static, 0, len(texts))
	for i, text := range texts {
		url, root, ok := strings.Cut(text, "=")
		if !ok || url == "" || root == "" {
			l.problems.add(RuleValue, source, "static", "%q is not URL=DIRECTORY, such as /static/=/srv/mysite/static", text)
			continue
		}
		entry := DefaultStatic()
		for _, known := range l.loaded.Config.Static {
			if known.URL == url {
				entry = known
			}
		}
		entry.URL, entry.Root = url, root
		list = append(list, entry)
		l.loaded.Sources[fmt.Sprintf("static[%d].url", i)] = source
		l.loaded.Sources[fmt.Sprintf("static[%d].root", i)] = source
	}
	l.loaded.Config.Static = list
}

func (l *loader) isSet(path string) bool {
	_, ok := l.loaded.Sources[path]
	return ok
}

// addDefaultListener serves HTTP when nothing says where to listen. A platform that sets $PORT for its container means
// a port that is reached from outside.
func (l *loader) addDefaultListener() {
	if l.isSet("http") || l.isSet("uwsgi") {
		return
	}
	if port := l.environ["PORT"]; port != "" {
		l.set("http", Source{Kind: SourceEnv, Name: "PORT"}, []string{"0.0.0.0:" + port})
		return
	}
	only := DefaultHTTP()
	only.Listen = DefaultListen
	l.loaded.Config.HTTP = []HTTP{only}
}
