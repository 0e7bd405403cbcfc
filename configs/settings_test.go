package configs

import (
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	loaded := &Loaded{Config: Default(), Sources: Sources{
		"http[1].listen": {Kind: SourceFlag, Name: "--http"}, "workers.threads": {Kind: SourceFile, Name: "a.yaml", Line: 3},
	}}
	loaded.Config.HTTP = []HTTP{{Listen: ":1"}, {Listen: ":2"}}
	loaded.Config.App.Env = map[string]string{"DATABASE_PASSWORD": "hunter2"}
	var text strings.Builder
	for _, s := range loaded.Settings() {
		text.WriteString(s.Path + "=" + s.Value + " from " + s.Source.String() + "\n")
	}
	for _, want := range []string{
		"http[0].listen=:1 from default\n", "http[1].listen=:2 from --http\n", "workers.threads=1 from a.yaml:3\n",
		"uwsgi= from default\n", "app.env=1 set from default\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() || strings.Contains(text.String(), "hunter2") {
		t.Error(text.String())
	}
}

func TestRedact(t *testing.T) {
	for _, test := range [][3]string{
		{"app.wsgi", "a:b", "a:b"},
		{"x.url", "redis://:s3cr/et@host", "redis://***@host"}, // no valid URL, and a password all the same
		{"x.url", "redis://user:p@ss@host:1/2?password=x", "redis://***@host:1/2?***"},
		{"x.urls", "https://a:b@c/d,https://key@e,unix:/f", "https://***@c/d,https://***@e,unix:/f"},
		{"x.auth_token", "abc", "***"}, {"x.auth_token", "", ""},
	} {
		if got := redact(test[0], test[1]); got != test[2] {
			t.Errorf("%s %q: %q, want %q", test[0], test[1], got, test[2])
		}
	}
}
