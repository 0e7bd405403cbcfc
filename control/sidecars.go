package control

import "time"

// Daemon is a command that runs beside the application.
type Daemon struct {
	Name     string  `json:"name"`
	State    string  `json:"state"` // starting, running, waiting, stopped or failed
	PID      int     `json:"pid,omitempty"`
	Uptime   float64 `json:"uptime_seconds"`
	Restarts int     `json:"restarts"`
	Last     string  `json:"last_outcome,omitempty"` // how it ended when it last ended by itself
}

// Job is a command on a schedule.
type Job struct {
	Name        string     `json:"name"`
	Schedule    string     `json:"schedule"`
	Next        *time.Time `json:"next,omitempty"`
	Running     int        `json:"running"`
	Runs        int        `json:"runs"`
	Failures    int        `json:"failures"`
	Skipped     int        `json:"skipped"` // since the run before was not over
	LastBegin   *time.Time `json:"last_begin,omitempty"`
	LastTook    float64    `json:"last_took_seconds"`
	LastOutcome string     `json:"last_outcome,omitempty"`
}
