package configs

import (
	"fmt"
	"strings"
)

// daemonKeys checks what each daemon needs.
func (c *checker) daemonKeys() {
	seen := map[string]int{}
	for i, d := range c.loaded.Config.Daemons {
		entry := fmt.Sprintf("daemons[%d]", i)
		c.sidecarName(entry, d.Name, seen, i)
		if d.Command == "" {
			c.complain(entry+".command", "is missing: say what to run")
		}
		if _, ok := SignalNamed(d.StopSignal); !ok {
			c.complain(entry+".stop_signal", "%q is no signal to stop with: write TERM, INT, QUIT, HUP, USR1, USR2 or KILL", d.StopSignal)
		}
	}
}

// cronKeys checks what each job needs.
func (c *checker) cronKeys() {
	seen := map[string]int{}
	for i, j := range c.loaded.Config.Cron {
		entry := fmt.Sprintf("cron[%d]", i)
		c.sidecarName(entry, j.Name, seen, i)
		if j.Schedule == "" {
			c.complain(entry+".schedule", "is missing: say when, such as \"*/5 * * * *\" or @daily")
		} else if _, err := ParseSchedule(j.Schedule); err != nil {
			c.complain(entry+".schedule", "%v", err)
		}
		switch module, function, ok := strings.Cut(j.Call, ":"); {
		case j.Command == "" && j.Call == "":
			c.complain(entry+".command", "is missing: say what to run, or which function to call (call)")
		case j.Command != "" && j.Call != "":
			c.complain(entry+".call", "stands beside command: remove one")
		case j.Call != "" && (!ok || module == "" || function == ""):
			c.complain(entry+".call", "%q is not MODULE:FUNCTION", j.Call)
		}
	}
}

// sidecarName checks a name that stands in metrics and on the command line.
func (c *checker) sidecarName(entry, name string, seen map[string]int, i int) {
	first, twice := seen[name]
	switch {
	case name == "":
		c.complain(entry+".name", "is missing: logs and metrics need one")
	case len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "":
		c.complain(entry+".name", "%q is no name: up to 64 letters, digits, dashes, underscores and dots", name)
	case twice:
		list, _, _ := strings.Cut(entry, "[")
		c.complain(entry+".name", "%s is taken by %s[%d]", name, list, first)
	}
	seen[name] = i
}
