package workers

import "strings"

// StartKind says what was wrong when a generation could not be started.
type StartKind uint8

// The kinds.
const (
	StartInterpreter StartKind = iota + 1 // no interpreter, or one that cannot be used
	StartImport                           // the application cannot be imported
	StartTimeout                          // it was not ready in time
	StartCrash                            // a process died before it was ready
	StartWarmup                           // a warm-up request failed
	StartDirectory                        // the application's directory cannot be entered
	StartSystem                           // the system refused something: processes, memory, descriptors
)

var startNames = [...]string{
	StartInterpreter: "interpreter", StartImport: "import", StartTimeout: "timeout", StartCrash: "crash",
	StartWarmup: "warmup", StartDirectory: "directory", StartSystem: "system",
}

// String is the name used in logs and as a metric label.
func (k StartKind) String() string {
	if int(k) < len(startNames) && startNames[k] != "" {
		return startNames[k]
	}
	return "unknown"
}

// StartError is why a generation could not be started.
type StartError struct {
	Kind StartKind
	// Reason is one sentence.
	Reason string
	// Traceback is the application's traceback, without our frames, or what the interpreter last wrote; it may
	// have many lines, or be empty.
	Traceback string
	// Err is the cause, or nil.
	Err error
}

// Error gives the reason and the last line of the traceback, which names the exception.
func (e *StartError) Error() string {
	text := "workers: " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Traceback != "" {
		lines := strings.Split(strings.TrimSpace(e.Traceback), "\n")
		text += ": " + lines[len(lines)-1]
	}
	return text
}

// Unwrap gives the cause.
func (e *StartError) Unwrap() error { return e.Err }
