package proxyproto

import (
	"errors"
	"fmt"
)

// ErrIncomplete says that what is there may be the beginning of a header.
var ErrIncomplete = errors.New("proxyproto: the header is not complete")

// Problem is what is wrong with a header.
type Problem uint8

// The problems.
const (
	ProblemMissing  Problem = iota + 1 // what comes is not a PROXY protocol header
	ProblemLine                        // version 1: the line is malformed
	ProblemLongLine                    // version 1: no CRLF within MaxLine bytes
	ProblemVersion                     // version 2: another version, or a command that is not known
	ProblemFamily                      // version 2: an address family or a transport that is not known
	ProblemLength                      // version 2: the header ends within its addresses
	ProblemTLV                         // version 2: a TLV reaches beyond the end or has an impossible length
	ProblemChecksum                    // version 2: the checksum is not that of the header
	ProblemLarge                       // version 2: longer than the caller permits
)

var problemNames = [...]string{
	ProblemMissing:  "missing",
	ProblemLine:     "line",
	ProblemLongLine: "long_line",
	ProblemVersion:  "version",
	ProblemFamily:   "family",
	ProblemLength:   "length",
	ProblemTLV:      "tlv",
	ProblemChecksum: "checksum",
	ProblemLarge:    "large",
}

// String is the name used in logs and as a metric label.
func (p Problem) String() string {
	if int(p) < len(problemNames) && problemNames[p] != "" {
		return problemNames[p]
	}
	return "unknown"
}

// Error is a header that cannot be used; the connection must be closed (section 2).
type Error struct {
	Problem Problem
	Text    string // what is wrong, for the log; nothing of the sender's bytes unless quoted
}

// Error gives the text.
func (e *Error) Error() string { return "PROXY protocol: " + e.Text }

func fail(problem Problem, format string, args ...any) error {
	return &Error{problem, fmt.Sprintf(format, args...)}
}
