package configs

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Process says what the operating system is told about penknife's own process and all that it starts.
type Process struct {
	User          string            `yaml:"user"`           // that everything runs as after binding
	Group         string            `yaml:"group"`          // empty: the user's
	Umask         string            `yaml:"umask"`          // octal; empty keeps that of the start
	Rlimits       map[string]string `yaml:"rlimits"`        // by the names of rlimitUnits
	NoNewPrivs    bool              `yaml:"no_new_privs"`   // PR_SET_NO_NEW_PRIVS
	PIDFile       string            `yaml:"pidfile"`        // empty: none
	ShutdownDelay time.Duration     `yaml:"shutdown_delay"` // between TERM and the end of accepting
}

// processDocs says what reflection cannot know about the keys of this file.
var processDocs = map[string]keyDoc{
	"process.user": {flag: "user", doc: "The user, a name or a number, that penknife and the application run as. Needs root at " +
		"the start: sockets are opened first, then the rights are given up for good, supplementary groups included, " +
		"before the application is imported. Empty: whoever started it."},
	"process.group": {flag: "group", doc: "The group, a name or a number. Empty: the primary group of `process.user`."},
	"process.umask": {doc: "The mode bits that new files of penknife and the application do not get, in octal, such as " +
		"`\"0027\"`. Unix sockets have a mode of their own. Empty: as it was at the start."},
	"process.rlimits": {doc: "Limits of the kernel for penknife and the application (`setrlimit`): `nofile`, `nproc`, `core`, " +
		"`fsize`, `memlock`, `stack`. A number, a size such as `1GiB` for the last four, or `unlimited`. The hard limit " +
		"is only raised, which needs root."},
	"process.no_new_privs": {doc: "No program that the application starts gets more rights than it has (`PR_SET_NO_NEW_PRIVS`): " +
		"setuid programs such as `sudo` and some `sendmail` stop working."},
	"process.pidfile": {flag: "pidfile", doc: "A file with the process id, written when the sockets are open and removed at the " +
		"end. Empty: none."},
	"process.shutdown_delay": {flag: "shutdown-delay", max: int64(time.Hour),
		doc: "How long everything is still accepted and served after SIGTERM, while `/readyz` answers 503 already: the " +
			"time that a load balancer needs to notice (Kubernetes: 5s to 15s). HTTP answers say `Connection: close` " +
			"meanwhile. Then `workers.grace_period` begins."},
}

// rlimitUnits names the limits that can be set and tells which are sizes. The address space is not among them: the Go
// runtime reserves more of it than it uses.
var rlimitUnits = map[string]bool{
	"nofile": false, "nproc": false, "core": true, "fsize": true, "memlock": true, "stack": true,
}

// Unlimited is the value of a limit that is none, as the kernel has it (RLIM_INFINITY).
const Unlimited = math.MaxUint64

// Limits gives the kernel's limits by name. An error is about the first name or value that cannot be used.
func (p Process) Limits() (map[string]uint64, error) {
	limits := map[string]uint64{}
	for _, name := range slices.Sorted(maps.Keys(p.Rlimits)) {
		value, err := parseRlimit(name, p.Rlimits[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		limits[name] = value
	}
	return limits, nil
}

func parseRlimit(name, text string) (uint64, error) {
	isSize, known := rlimitUnits[name]
	switch {
	case !known:
		return 0, fmt.Errorf("no such limit: known are %s", strings.Join(slices.Sorted(maps.Keys(rlimitUnits)), ", "))
	case text == "unlimited":
		return Unlimited, nil
	case isSize:
		size, err := ParseByteSize(text)
		return uint64(size), err
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number up to 2147483647: write one, or unlimited", text)
	}
	return n, nil
}

// UmaskBits gives the umask; false when none is set, or when it cannot be read.
func (p Process) UmaskBits() (bits int, set bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(p.Umask, "0o"), 8, 32)
	return int(n), err == nil && n <= 0o777
}

func (c *checker) processUmask() {
	if _, ok := c.loaded.Config.Process.UmaskBits(); c.loaded.Config.Process.Umask != "" && !ok {
		c.complain("process.umask", "%q is not a umask: write it in octal, from \"0000\" to \"0777\"",
			c.loaded.Config.Process.Umask)
	}
}

func (c *checker) processRlimits() {
	limits := c.loaded.Config.Process.Rlimits
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if _, err := parseRlimit(name, limits[name]); err != nil {
			c.complain("process.rlimits."+name, "%v", err)
		}
	}
}

func (c *checker) processGroup() {
	if p := c.loaded.Config.Process; p.Group != "" && p.User == "" {
		c.complain("process.group", "a group without a user: set process.user too")
	}
}

func (c *checker) processPIDFile() {
	if file := c.loaded.Config.Process.PIDFile; file != "" {
		c.directory("process.pidfile", filepath.Dir(file))
	}
}
