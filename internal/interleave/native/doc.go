// Package native runs the accelerator's C code (python/accel) one access to shared memory at a time, for package interleave.
//
// A worker is a shared library made of the accelerator's own sources, a little interpreter in place of CPython's
// (worker/python.c), an application (worker/app.c) and hooks in place of the thread sanitizer's runtime and of the kernel
// (worker/hooks.c). A lane of it is a coroutine (coroutine.c) that stops before each atomic access, futex call and write
// of the eventfd. It is used by tests only: nothing of the product has cgo.
//
// Goroutines: none. Locks: none; everything is for one goroutine at a time.
package native
