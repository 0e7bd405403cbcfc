// Package e2e tests the built binary, bin/penknife, end to end: real CPython, real nginx, Apache and lighttpd, real
// frameworks, every one started by internal/testkit. Its applications are below apps. It has no code outside tests.
//
// pep3333_*_test.go are the rules of PEP 3333 by number.
package e2e
