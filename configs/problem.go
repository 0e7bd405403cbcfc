package configs

import (
	"fmt"
	"strings"
)

// Rule names what was broken. Every rule has a fixture testdata/invalid/RULE.yaml with the message that it gives.
type Rule string

// The rules that the readers of a value check. Those that compare values are the list in validate.go.
const (
	RuleSyntax    Rule = "syntax"     // the file is no YAML, or cannot be read
	RuleUnknown   Rule = "unknown"    // no such key
	RuleDuplicate Rule = "duplicate"  // a key twice in one mapping
	RuleMapping   Rule = "mapping"    // something else where key: value pairs belong
	RuleList      Rule = "list"       // something else where a list belongs
	RuleNoValue   Rule = "no-value"   // a key with nothing behind it
	RuleValue     Rule = "value"      // a value that is not of its type
	RuleDocuments Rule = "documents"  // more than one YAML document in the file
	RuleTooLarge  Rule = "file-large" // a file that cannot be meant
)

// ruleAddress is checked while reading and again at the end.
const ruleAddress Rule = "address"

// RuleAppMissing is named because a command that starts nothing can do without an application.
const RuleAppMissing Rule = "app-missing"

// RuleSystem is broken by a value that the loader cannot judge alone: it depends on the machine, its users and files, or on
// the package that uses it. It has no fixture.
const RuleSystem Rule = "system"

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Rule   Rule
	Source Source // where the value came from
	Key    string // as in the file: "http[0].listen"; empty if it is about the whole
	Text   string // what is wrong and what to do about it
}

// String gives "place: key: text", without the parts that are not known.
func (p Problem) String() string {
	var parts []string
	if p.Source.Kind != SourceDefault && p.Source.Kind != 0 {
		parts = append(parts, p.Source.String())
	}
	if p.Key != "" {
		parts = append(parts, p.Key)
	}
	return strings.Join(append(parts, p.Text), ": ")
}

// Problems is the error of a configuration that cannot be used: everything that was found, in the order in which a
// reader meets it.
type Problems struct {
	List []Problem
}

// Error gives one line per problem.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Problem makes the error of a value that was loaded and turned out to be unusable for the reason err. Key is where it
// stands ("http[0].listen"), empty if it is about the whole; the message names the file and line from which it came.
func (l *Loaded) Problem(key string, err error) *Problems {
	return &Problems{List: []Problem{{Rule: RuleSystem, Source: l.Sources.Of(key), Key: key, Text: err.Error()}}}
}

func (p *Problems) add(rule Rule, source Source, key, format string, args ...any) {
	p.List = append(p.List, Problem{Rule: rule, Source: source, Key: key, Text: fmt.Sprintf(format, args...)})
}
