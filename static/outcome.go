package static

// Outcome is how a request below a mount was answered.
type Outcome uint8

// The outcomes.
const (
	FromMemory  Outcome = iota + 1 // the bytes were there
	FromDisk                       // the bytes were read, or are sent by the kernel
	NotModified                    // 304
	Redirected                     // to the directory with its slash
	Refused                        // 405, 412, 416
	Missed                         // 404
	PassedOn                       // to the application, because of fallthrough
	Failed                         // the disk has a problem
	Listed                         // a directory
)

var outcomeNames = [...]string{
	FromMemory: "memory", FromDisk: "disk", NotModified: "not_modified", Redirected: "redirected", Refused: "refused",
	Missed: "missed", PassedOn: "passed_on", Failed: "failed",
	Listed: "listed",
}

// Outcomes lists every outcome's name by its number; number 0 is none.
func Outcomes() []string { return append([]string(nil), outcomeNames[:]...) }

// String is the name that is used as a metric label.
func (o Outcome) String() string {
	if o == 0 || int(o) >= len(outcomeNames) {
		return "unknown"
	}
	return outcomeNames[o]
}
