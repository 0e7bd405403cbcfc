// Package osproc is what the operating system and a service manager know about this process: the user that it runs as,
// its limits, its CPUs, its pidfile, and what it tells systemd (sd_notify(3)).
//
// It decides nothing: server says what and when. It starts no goroutine and takes no lock. What it changes holds for the
// whole process, all threads included, and for everything that the process starts; but a Yielder acts on its caller's thread.
package osproc
