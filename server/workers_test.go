package server

import (
	"errors"
	"testing"

	"penknife/configs"
	"penknife/workers"
)

func TestWhoseFaultAFailedStartIs(t *testing.T) {
	loaded := &configs.Loaded{Sources: configs.Sources{
		"app.python": {Kind: configs.SourceFlag, Name: "--python"},
	}}
	for kind := workers.StartInterpreter; kind <= workers.StartSystem; kind++ {
		err := startFailure(loaded, &workers.StartError{Kind: kind, Reason: "it did not", Traceback: "Traceback\n"})
		var app *AppError
		var problems *configs.Problems
		switch kind {
		case workers.StartImport, workers.StartTimeout, workers.StartCrash, workers.StartWarmup:
			if !errors.As(err, &app) || app.Traceback != "Traceback\n" || app.Error() != "it did not" {
				t.Errorf("%v: %v", kind, err)
			}
		case workers.StartInterpreter:
			if !errors.As(err, &problems) || problems.Error() != "--python: app.python: it did not\nTraceback" {
				t.Errorf("%v: %v", kind, err)
			}
		case workers.StartDirectory:
			if !errors.As(err, &problems) || problems.Error() != "app.chdir: it did not" {
				t.Errorf("%v: %v", kind, err)
			}
		default:
			if errors.As(err, &app) || errors.As(err, &problems) {
				t.Errorf("%v: %v", kind, err)
			}
		}
	}
	if err := startFailure(loaded, nil); err != nil {
		t.Errorf("no failure became %v", err)
	}
}

func TestFirstHost(t *testing.T) {
	for want, listens := range map[string][]string{
		"127.0.0.1:8000": {"unix:/run/a.sock", ":8000", "10.0.0.1:1"}, "localhost:5000": {"0.0.0.0:5000"},
		"[::1]:80": {"[::1]:80"}, "localhost:81": {"[::]:81"}, "": {"unix:@a"},
	} {
		var list []configs.HTTP
		for _, listen := range listens {
			list = append(list, configs.HTTP{Listen: listen})
		}
		if got := firstHost(list); got != want {
			t.Errorf("%v: %q, want %q", listens, got, want)
		}
	}
}
