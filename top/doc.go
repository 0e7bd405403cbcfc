// Package top is `penknife top`: a terminal that shows what a running penknife does, once a second, from the report of its
// control socket. It changes nothing there.
//
// Goroutines: those of bubbletea, which Run waits for. Locks: none.
package top
