package testkit

import (
	"time"
	"unsafe"
)

// Stepped gives a time as time.Now would if somebody had set the machine's clock by so much: its date is another, and its
// reading of the monotonic clock the same. There is no other way to make one; TestStepped holds it to what package time does.
func Stepped(t time.Time, by time.Duration) time.Time {
	const seconds = 30 // where package time has them in its first word, behind nanoseconds
	(*struct{ wall uint64 })(unsafe.Pointer(&t)).wall += uint64(by/time.Second) << seconds
	return t
}
