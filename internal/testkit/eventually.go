package testkit

import (
	"testing"
	"time"
)

// pollEvery is the pause between two looks at a state that cannot be waited for.
const pollEvery = 5 * time.Millisecond

// Eventually waits until condition gives nil and fails the test with its last error after the timeout.
func Eventually(t testing.TB, timeout time.Duration, condition func() error) {
	t.Helper()
	if err := Await(timeout, condition); err != nil {
		t.Fatalf("not within %v: %v", timeout, err)
	}
}

// Await polls until condition gives nil, or gives its last error after the timeout.
func Await(timeout time.Duration, condition func() error) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	deadline := time.Now().Add(timeout)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		<-ticker.C
	}
}
