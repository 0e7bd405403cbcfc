// Package testkit starts real things for tests: the built penknife binary, nginx, Apache and lighttpd, each in the
// foreground, in a directory of its own below the system's temporary directory, on a free loopback port or a socket
// in that directory. Nothing relies on a system service, and every test ends what it started.
//
// It also has what such tests ask: raw clients for HTTP and for the uwsgi protocol (written here from the
// specification, independent of the product's codec), a view of processes by /proc, and waiting for a state.
//
// Every function that takes a testing.TB fails the test on an error and registers its own cleanup. Goroutines: one
// per child process, which ends with the process.
package testkit
