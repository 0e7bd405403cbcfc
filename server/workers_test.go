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
		case workers.StartImport, workers.StartTimeout, workers.StartCrash:
			if !errors.As(err, &app) || app.Traceback != "Traceback\n" || app.Error() != "it did not" {
				t.Errorf("%v: %v", kind, err)
			}
		case workers.StartInterpreter:
			if !errors.As(err, &problems) || problems.Error() != "--python: app.python: it did not\nTraceback" {
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
