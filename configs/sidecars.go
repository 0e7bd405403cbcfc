package configs

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/robfig/cron/v3"
)

// Daemon is a command that runs beside the application.
type Daemon struct {
	Name            string        `yaml:"name"`
	Command         string        `yaml:"command"` // for /bin/sh
	Restart         string        `yaml:"restart"`
	RestartOnReload bool          `yaml:"restart_on_reload"`
	StopSignal      string        `yaml:"stop_signal"`
	StopTimeout     time.Duration `yaml:"stop_timeout"` // between StopSignal and SIGKILL
}

// The values of daemons.restart.
const (
	RestartAlways    = "always"
	RestartOnFailure = "on-failure"
	RestartNever     = "never"
)

// DefaultDaemon gives an entry of daemons before anything was set.
func DefaultDaemon() Daemon {
	return Daemon{Restart: RestartAlways, RestartOnReload: true, StopSignal: "TERM", StopTimeout: 10 * time.Second}
}

// CronJob is a command or a Python function on a schedule.
type CronJob struct {
	Name     string        `yaml:"name"`
	Schedule string        `yaml:"schedule"` // see ParseSchedule
	Command  string        `yaml:"command"`  // for /bin/sh
	Call     string        `yaml:"call"`     // MODULE:FUNCTION
	Overlap  bool          `yaml:"overlap"`  // a run may begin while the one before it goes on
	Timeout  time.Duration `yaml:"timeout"`  // 0: none
}

var (
	errZone  = errors.New("there is nothing behind the time zone")
	errNever = errors.New("that never comes")
)

// ParseSchedule reads the five fields of crontab(5), or @hourly, @daily, @weekly, @monthly, @yearly or "@every 90s". A
// prefix "CRON_TZ=Europe/Berlin " sets the time zone, which is the machine's otherwise.
func ParseSchedule(text string) (cron.Schedule, error) {
	err := errZone
	var schedule cron.Schedule
	if zone := strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="); !zone || strings.Contains(text, " ") {
		schedule, err = cron.ParseStandard(text) // panics at a zone with nothing behind it
	}
	if err == nil && schedule.Next(time.Unix(0, 0)).IsZero() {
		err = errNever // in five years
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no schedule as in crontab, such as \"*/5 * * * *\" or @daily: %w", text, err)
	}
	return onWallClock(text, schedule), nil
}

var stopSignals = map[string]syscall.Signal{
	"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "HUP": syscall.SIGHUP,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "KILL": syscall.SIGKILL,
}

// SignalNamed gives the signal of daemons.stop_signal, with or without SIG.
func SignalNamed(name string) (syscall.Signal, bool) {
	sig, ok := stopSignals[strings.TrimPrefix(name, "SIG")]
	return sig, ok
}

// sidecarDocs says what reflection cannot know about the keys of this file.
var sidecarDocs = map[string]keyDoc{
	"daemons":      {doc: "A list of mappings with the keys below."},
	"daemons.name": {doc: "What the daemon is called in logs, metrics and `penknife status`. Letters, digits, `-`, `_` and `.`."},
	"daemons.command": {doc: "What to run, for /bin/sh, in `app.chdir`, with `app.env` and the interpreter's directory first on " +
		"`$PATH`: `celery -A mysite worker`. It must stay in the foreground."},
	"daemons.restart": {choices: []string{RestartAlways, RestartOnFailure, RestartNever},
		doc: "What follows when it ends by itself. Restarts are delayed by 1 s, and longer after each further quick end, up to a minute."},
	"daemons.restart_on_reload": {doc: "A reload restarts it, so that it runs the new code."},
	"daemons.stop_signal":       {doc: "What it is asked to end with: `TERM`, `INT`, `QUIT`, `HUP`, `USR1`, `USR2` or `KILL`."},
	"daemons.stop_timeout":      {max: day, doc: "How long it may take to end before its process group is killed."},
	"cron":                      {doc: "A list of mappings with the keys below. One of `command` and `call` is needed."},
	"cron.name":                 {doc: "What the job is called in logs, metrics and `penknife status`. Letters, digits, `-`, `_` and `.`."},
	"cron.schedule": {doc: "When: the five fields of crontab, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, `@every 90s`. " +
		"`CRON_TZ=Europe/Berlin 30 4 * * *` names a time zone; without it the machine's counts. " +
		"A job with a fixed hour and minute runs once on days on which the clocks are put forward or back."},
	"cron.command": {doc: "What to run, as `daemons.command`."},
	"cron.call":    {doc: "A Python function without arguments, `MODULE:FUNCTION`, called in an interpreter of its own. What it raises is a failure."},
	"cron.overlap": {doc: "Begin a run although the one before it is not over. False: it is skipped, with a line in the log."},
	"cron.timeout": {max: 365 * day, doc: "After this time a run is ended: SIGTERM, and SIGKILL 10 s later. 0 is no limit."},
}
