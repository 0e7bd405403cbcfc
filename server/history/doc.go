// Package history keeps the last five minutes of a server in memory, one sample for each second in which there was something
// to see, for the status page and `penknife top`. It takes no sample of a server that nobody uses or looks at.
//
// Goroutine: one, from Start to Shutdown; it sleeps without a timer when there is nothing to record. Locks: Recorder.mu, a
// leaf.
package history
