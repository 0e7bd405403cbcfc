// Package sidecars runs what belongs to an application and answers no requests: daemons, such as a queue's worker, and
// commands on a schedule. It owns their processes from start to end, their output in the log, and the decision when one
// is started again. It never runs a command that the configuration does not name, never two of one daemon, and leaves no
// process group of its own behind when it was shut down.
//
// Goroutines: the starter, locked to its thread (see starter); one for each daemon; one for the schedule; one for each
// run of a job; those of os/exec that carry output. Manager.Shutdown ends and awaits all.
// Locks: Manager.mu guards what is configured, daemon.mu and job.mu what Status shows. They are leaves.
package sidecars
