//go:build cgo

package native

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "coroutine.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// Op is what a lane is about to do. The values are those of enum pk_op.
type Op uint32

// What lanes do.
const (
	Read   Op = C.PK_OP_READ
	Write  Op = C.PK_OP_WRITE
	Update Op = C.PK_OP_UPDATE
	Swap   Op = C.PK_OP_SWAP
	Sleep  Op = C.PK_OP_SLEEP
	Wake   Op = C.PK_OP_WAKE
	Event  Op = C.PK_OP_EVENT
	Lock   Op = C.PK_OP_LOCK
	Check  Op = C.PK_OP_CHECK
	Done   Op = C.PK_OP_DONE
)

// NoteKind is what a lane did since its last turn that needs no turn. The values are those of enum pk_note.
type NoteKind uint32

// What needs no turn.
const (
	NoteRead        NoteKind = C.PK_NOTE_READ
	NoteWrite       NoteKind = C.PK_NOTE_WRITE
	NoteBegin       NoteKind = C.PK_NOTE_BEGIN
	NoteInterrupted NoteKind = C.PK_NOTE_INTERRUPTED
	NoteUnlock      NoteKind = C.PK_NOTE_UNLOCK
	NoteWrong       NoteKind = C.PK_NOTE_WRONG
	NoteHint        NoteKind = C.PK_NOTE_HINT
)

// Features that take turns of their own.
const (
	FeatureGIL     = C.PK_FEATURE_GIL
	FeatureSignals = C.PK_FEATURE_SIGNALS
)

// What an application does, by the lowest bits of a request's id.
const (
	AppHello  = C.PK_APP_HELLO
	AppStream = C.PK_APP_STREAM
	AppRaise  = C.PK_APP_RAISE
	AppCut    = C.PK_APP_CUT
	AppEcho   = C.PK_APP_ECHO
	AppLong   = C.PK_APP_LONG
	AppKinds  = C.PK_APP_KINDS
)

// Watcher stands for the number of a thread: the one that interrupts the others.
const Watcher = C.PK_WATCHER

// Note is one thing that needs no turn. Address is the request for what an application did, and Size its position.
type Note struct {
	Kind    NoteKind
	Size    uint32
	Address uint64
}

// View is what a lane shows between two of its turns.
type View struct {
	Op      Op
	Order   uint32
	Address uint64
	Value   uint64
	Size    uint32
	Changed uint32
	Answer  uint32
	notes   uint32
	note    [C.PK_NOTES]Note
}

// Notes gives what the lane did before it stopped.
func (v *View) Notes() []Note { return v.note[:v.notes] }

// Worker is one worker process: a library with variables of its own.
type Worker struct{ w *C.pk_worker }

// Load loads the library at path. Two workers need two files, since a file is loaded once.
func Load(path string) (*Worker, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var reason *C.char
	w := C.pk_worker_load(name, &reason)
	if w == nil {
		return nil, errors.New(C.GoString(reason))
	}
	return &Worker{w}, nil
}

// Reset starts the process afresh, with the queue's memory where Go has it.
func (w *Worker) Reset(memory []byte, index, features int) error {
	wrong := C.pk_worker_reset(w.w, unsafe.Pointer(&memory[0]), C.uint64_t(len(memory)), C.uint32_t(index), C.uint32_t(features))
	if wrong != nil {
		return errors.New(C.GoString(wrong))
	}
	return nil
}

// Lane is a thread of a worker. It is used again and again and never freed.
type Lane struct {
	lane *C.struct_pk_lane_thread
	view *View
}

// NewLane makes one that runs nothing yet.
func NewLane() *Lane {
	lane := C.pk_lane_new()
	return &Lane{lane, (*View)(unsafe.Pointer(C.pk_lane_view(lane)))}
}

// Begin makes it the thread of a worker, or Watcher; what it was in the middle of is gone as with a killed process.
func (l *Lane) Begin(w *Worker, thread uint32) { C.pk_lane_begin(l.lane, w.w, C.uint32_t(thread)) }

// Step lets it run until it is about to do the next thing that needs a turn, and tells what.
func (l *Lane) Step() *View {
	C.pk_lane_step(l.lane)
	return l.view
}

// View is what Step gave.
func (l *Lane) View() *View { return l.view }
