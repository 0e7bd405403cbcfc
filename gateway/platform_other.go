//go:build !linux || !(amd64 || arm64)

package gateway

// Shared memory, futexes, pidfds and subreapers are Linux's, and the layout of the shared memory is tested on two
// architectures; there is no build for others. It fails here, because nearly everything imports this package, and
// this is then the only error.
var _ = penknife_runs_on_linux_amd64_and_arm64_only
