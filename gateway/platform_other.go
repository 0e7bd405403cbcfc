//go:build !linux

package gateway

// Shared memory, futexes, pidfds and subreapers are Linux's; there is no build for other systems. It fails here,
// because nearly everything imports this package, and this is then the only error.
var _ = penknife_runs_on_linux_only
