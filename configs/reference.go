package configs

import (
	"fmt"
	"reflect"
	"strings"
)

//go:generate go test . -run TestReference -update

const referenceHead = `# Configuration reference

<!-- Made by ` + "`make gen`" + ` from the docs in package configs; a test compares. Do not edit. -->

A value comes from, later wins: the default, the file, the environment, the command line.

- **File**: ` + "`penknife.yaml`" + ` in the current directory, or what ` + "`--config FILE`" + ` or ` + "`$PENKNIFE_CONFIG`" + ` names.
  Keys that do not exist, values that make no sense and keys set twice are errors; all are reported at once.
- **Environment**: the variable named with the key. Lists are separated by commas; an empty variable counts as not set.
  ` + "`$PORT`" + ` moves the default HTTP listener to 0.0.0.0:$PORT, and ` + "`$WEB_CONCURRENCY`" + ` is the default of
  ` + "`workers.processes`" + `: both count only where nothing else is set.
- **Command line**: the flag named with the key. Flags for lists may be repeated, and replace the list of the file.

` + "`penknife check`" + ` prints every problem, ` + "`penknife explain`" + ` every value and where it came from, and ` + "`penknife explain KEY`" + `
what this page says about a key.

Durations need a unit (` + "`500ms`, `60s`, `1m30s`, `1h`" + `). Sizes take ` + "`kB`, `MB`, `GB`" + ` (1000) and ` + "`KiB`, `MiB`, `GiB`" + ` (1024);
without a unit they are bytes. Relative paths are taken from the directory in which penknife is started,
that of ` + "`app.python`" + ` from ` + "`app.chdir`" + `.
`

// Reference gives docs/configuration.md.
func Reference() []byte {
	var b strings.Builder
	b.WriteString(referenceHead)
	section := ""
	for _, key := range Keys() {
		if key.Section() != section {
			section = key.Section()
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", section, sectionDocs[section])
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n%s\n", key.Path, facts(key), key.Doc)
	}
	return []byte(b.String())
}

// facts is the line below a key's heading.
func facts(key Key) string {
	parts := []string{key.Type}
	if len(key.Choices) > 0 {
		parts[0] = "`" + strings.Join(key.Choices, "`, `") + "`"
	}
	if key.Max != "" {
		parts = append(parts, "from "+key.Min+" to "+key.Max)
	}
	if key.Default != "" && key.Type != typeVariables {
		parts = append(parts, "default `"+key.Default+"`")
	}
	if key.Env != "" {
		parts = append(parts, "`$"+key.Env+"`")
	}
	if key.Flag != "" {
		parts = append(parts, "`--"+key.Flag+"`")
	}
	return strings.Join(parts, " · ")
}

// isEntryKey says that a key belongs to each entry of a list of mappings.
func isEntryKey(key Key) bool {
	_, _, below := cutEntryKey(key.Path)
	return below
}

// cutEntryKey takes the path of such a key apart: the list's own path, and the path of the key in an entry.
func cutEntryKey(path string) (list, leaf string, below bool) {
	for at, c := range path {
		if c == '.' && isEntryList(lookup(reflect.ValueOf(Config{}), path[:at])) {
			return path[:at], path[at+1:], true
		}
	}
	return "", "", false
}

func sectionNames() []string { return fieldNames(reflect.TypeFor[Config]()) }
