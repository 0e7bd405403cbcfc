package uwsgiproto

import "fmt"

// Problem says what is wrong with a packet, or with what should become one.
type Problem uint8

// The problems. The zero Problem is invalid.
const (
	ProblemShortHeader Problem = iota + 1 // fewer than HeaderSize bytes
	ProblemShortKeyLength
	ProblemEmptyKey
	ProblemKeyOverrun // a key that is longer than what is left of the block
	ProblemShortValueLength
	ProblemValueOverrun // a value that is longer than what is left of the block
	ProblemTooManyVars
	ProblemBlockTooLarge
	ProblemVarTooLarge // a key or value that does not fit the 16 bits of its length (encoder only)
)

var problemTexts = [...]struct{ name, sentence string }{
	ProblemShortHeader:      {"short_header", "the packet ends inside its header"},
	ProblemShortKeyLength:   {"short_key_length", "the block ends inside the length of a variable's name"},
	ProblemEmptyKey:         {"empty_key", "a variable has no name"},
	ProblemKeyOverrun:       {"key_overrun", "a variable's name reaches beyond the block"},
	ProblemShortValueLength: {"short_value_length", "the block ends inside the length of a variable's value"},
	ProblemValueOverrun:     {"value_overrun", "a variable's value reaches beyond the block"},
	ProblemTooManyVars:      {"too_many_vars", "there are too many variables"},
	ProblemBlockTooLarge:    {"block_too_large", "the block of variables is too large"},
	ProblemVarTooLarge:      {"var_too_large", "a name or value is longer than 65535 bytes"},
}

// String is a short word, fit for a log or a metric label.
func (p Problem) String() string {
	if p == 0 || int(p) >= len(problemTexts) {
		return "unknown"
	}
	return problemTexts[p].name
}

// Problems lists every problem, for tests and for code that makes a counter for each.
func Problems() []Problem {
	all := make([]Problem, 0, len(problemTexts)-1)
	for p := 1; p < len(problemTexts); p++ {
		all = append(all, Problem(p))
	}
	return all
}

// Error is the only error type of this package.
type Error struct {
	Problem Problem
	// Offset is where the offending field begins: in the packet for a header, in the block for a variable, in the
	// bytes written so far for an encoder.
	Offset int
	// Size is the length that does not fit, or the number that is over its limit.
	Size int
}

// Error gives one sentence that says nothing about the contents.
func (e *Error) Error() string {
	sentence := "uwsgi: unknown problem"
	if e.Problem != 0 && int(e.Problem) < len(problemTexts) {
		sentence = "uwsgi: " + problemTexts[e.Problem].sentence
	}
	return fmt.Sprintf("%s (at byte %d, %d)", sentence, e.Offset, e.Size)
}
