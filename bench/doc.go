// Package bench holds the side-by-side measurements: bench/compare, which is Python, and the floor that it measures
// against. It has no Go code of its own; its test runs the tests of the harness. See README.md.
package bench
