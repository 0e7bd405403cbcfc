package workers

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"penknife/configs"
)

func TestWarmupRequests(t *testing.T) {
	got := warmupRequests(Config{Host: "127.0.0.1:8000", App: configs.App{Warmup: []string{
		"/h%C3%A9?a=b%20c", "https://example.org", "http://example.org:81/x", "no request",
	}}})
	want := []warmupRequest{
		{"http", "127.0.0.1:8000", "/hé", "a=b%20c", "/h%C3%A9?a=b%20c"},
		{"https", "example.org", "/", "", "/"},
		{"http", "example.org:81", "/x", "", "/x"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := warmupRequests(Config{App: configs.App{Warmup: []string{"/"}}}); got[0].Host != "localhost" {
		t.Errorf("%+v", got)
	}
	if got := warmupRequests(Config{}); got == nil || len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// unfit is a worker whose warm-up request fails.
func unfit(w *fakeWorker) {
	w.spawned()
	w.world.mail.put(workerUnfit{w.birth, "/health answered with 500 Oops\n"})
	if w.strict {
		w.exits(exit{ExitStatus, "exited with status 3"})
		return
	}
	w.ready()
}

func TestWarmup_FailsTheStart(t *testing.T) {
	inBubble(t, func(f *fakeWorld) { f.behave = unfit }, func(t *testing.T, f *fakeWorld) {
		err := <-f.started
		if err == nil || err.Kind != StartWarmup || err.Reason != "the warm-up request /health answered with 500 Oops" {
			t.Errorf("%v", err)
		}
	})
	inBubble(t, joining, func(t *testing.T, f *fakeWorld) {
		f.behave = unfit
		f.mail.put(roll{quota: 2})
		synctest.Wait()
		if err := f.view.Load().failure; err == nil || err.Kind != StartWarmup {
			t.Errorf("%v", err)
		}
	})
}

// TestWarmup_NoReasonToBeFewer: a replacement serves although its warm-up failed.
func TestWarmup_NoReasonToBeFewer(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fakeWorld) {
		f.pass(time.Hour)
		f.behave = unfit
		f.die(1, crashed)
		if len(f.living(Ready)) != 2 || f.ordered[2].strict || !f.ordered[0].strict {
			t.Errorf("ready: %v", f.living(Ready))
		}
	})
}
