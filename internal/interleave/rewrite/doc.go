// Package rewrite makes of the product's own source files ones that package interleave can explore, without a change in
// the product: imports of sync and sync/atomic name the explorer, and statements that wait are replaced one by one
// (Change). What is left that the explorer would not see is an error. The result is for go build's -overlay.
//
// Goroutines: none. Locks: none.
package rewrite
