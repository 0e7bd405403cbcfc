//go:build cgo

package interleave

import "unsafe"

// word is what the atomic types do to one word: wait for the turn, then the access, then what it means for the order.
func load[T any](p *T) T {
	x := point(reading("load", uintptr(unsafe.Pointer(p))))
	v := *p
	x.synchronized(uintptr(unsafe.Pointer(p)), unsafe.Sizeof(*p), loaded)
	return v
}

func store[T any](p *T, v T) {
	x := point(writing("store", uintptr(unsafe.Pointer(p))))
	*p = v
	x.synchronized(uintptr(unsafe.Pointer(p)), unsafe.Sizeof(*p), stored)
}

func update[T any](p *T, change func(T) T) (before, after T) {
	x := point(writing("update", uintptr(unsafe.Pointer(p))))
	before = *p
	*p = change(before)
	x.synchronized(uintptr(unsafe.Pointer(p)), unsafe.Sizeof(*p), updated)
	return before, *p
}

func swapIf[T comparable](p *T, old, new T) bool {
	x := point(writing("swap", uintptr(unsafe.Pointer(p))))
	swapped := *p == old
	how := loaded
	if swapped {
		*p, how = new, updated
	}
	x.synchronized(uintptr(unsafe.Pointer(p)), unsafe.Sizeof(*p), how)
	return swapped
}

type integer interface {
	uint32 | uint64 | int32 | int64
}

// number is what the integer types of sync/atomic have in common.
type number[T integer] struct{ v T }

// Load, Store and the others are those of sync/atomic.
func (n *number[T]) Load() T    { return load(&n.v) }
func (n *number[T]) Store(v T)  { store(&n.v, v) }
func (n *number[T]) Swap(v T) T { old, _ := update(&n.v, func(T) T { return v }); return old }
func (n *number[T]) Add(d T) T  { _, v := update(&n.v, func(v T) T { return v + d }); return v }
func (n *number[T]) And(mask T) T {
	old, _ := update(&n.v, func(v T) T { return v & mask })
	return old
}
func (n *number[T]) Or(mask T) T                    { old, _ := update(&n.v, func(v T) T { return v | mask }); return old }
func (n *number[T]) CompareAndSwap(old, new T) bool { return swapIf(&n.v, old, new) }

// The types of sync/atomic.
type (
	Uint32 struct{ number[uint32] }
	Uint64 struct{ number[uint64] }
	Int32  struct{ number[int32] }
	Int64  struct{ number[int64] }
)

// Bool is atomic.Bool.
type Bool struct{ v bool }

// Load is that of sync/atomic.
func (b *Bool) Load() bool { return load(&b.v) }

// Store is that of sync/atomic.
func (b *Bool) Store(v bool) { store(&b.v, v) }

// CompareAndSwap is that of sync/atomic.
func (b *Bool) CompareAndSwap(old, new bool) bool { return swapIf(&b.v, old, new) }

// Pointer is atomic.Pointer.
type Pointer[T any] struct{ v *T }

// Load is that of sync/atomic.
func (p *Pointer[T]) Load() *T { return load(&p.v) }

// Store is that of sync/atomic.
func (p *Pointer[T]) Store(v *T) { store(&p.v, v) }
