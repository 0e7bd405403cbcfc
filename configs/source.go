package configs

import (
	"strconv"
	"strings"
)

// SourceKind tells by which way a value was set. A later kind wins over an earlier one.
type SourceKind uint8

// The kinds of source.
const (
	SourceDefault SourceKind = iota + 1
	SourceFile
	SourceEnv
	SourceFlag
)

var sourceKindNames = [...]string{
	SourceDefault: "default", SourceFile: "file", SourceEnv: "environment", SourceFlag: "flag",
}

// String gives the kind's name.
func (k SourceKind) String() string {
	if int(k) < len(sourceKindNames) && sourceKindNames[k] != "" {
		return sourceKindNames[k]
	}
	return "unknown"
}

// Source is where a value came from.
type Source struct {
	Kind SourceKind
	Name string // the file's name as it was given, the variable, or the flag with its dashes
	Line int    // in the file, from 1; 0 is the file as a whole
}

// String gives what a reader looks for: "default", "penknife.yaml:3", "$PENKNIFE_HTTP", "--http".
func (s Source) String() string {
	switch s.Kind {
	case SourceFile:
		if s.Line > 0 {
			return s.Name + ":" + strconv.Itoa(s.Line)
		}
		return s.Name
	case SourceEnv:
		return "$" + s.Name
	case SourceFlag:
		return s.Name
	}
	return s.Kind.String()
}

// Sources remembers where each value that is not a default came from, by its path ("workers.threads",
// "http[0].listen").
type Sources map[string]Source

// Of finds the source of a path: its own, or that of what contains it.
func (s Sources) Of(path string) Source {
	for path != "" {
		if source, ok := s[path]; ok {
			return source
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Source{Kind: SourceDefault}
}

// forget drops a path and everything below it, for a list that is replaced as a whole.
func (s Sources) forget(path string) {
	for known := range s {
		if known == path || strings.HasPrefix(known, path+"[") || strings.HasPrefix(known, path+".") {
			delete(s, known)
		}
	}
}
