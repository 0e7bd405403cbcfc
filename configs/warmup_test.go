package configs

import "testing"

func TestParseWarmup(t *testing.T) {
	for _, text := range []string{"/", "/health", "/a?b=c", "/%C3%A9", "http://example.org", "https://example.org:8443/x?y"} {
		if u, err := ParseWarmup(text); err != nil {
			t.Errorf("%q: %v, %v", text, u, err)
		}
	}
	for _, text := range []string{"", "health", "//host/x", "/a b", "/a#b", "ftp://example.org/", "https:///x", "http://me@example.org/", "*"} {
		if u, err := ParseWarmup(text); err == nil {
			t.Errorf("%q was read as %v", text, u)
		}
	}
}

func TestWarmupMayBeOneText(t *testing.T) {
	for text, want := range map[string]int{"warmup: /health": 1, "warmup: [/health, /]": 2, "warmup: []": 0} {
		loaded, err := loadApp(t, text)
		if err != nil || len(loaded.Config.App.Warmup) != want {
			t.Errorf("%s: %v, %v", text, loaded.Config.App.Warmup, err)
		}
	}
	if _, err := loadApp(t, "warmup: {path: /}"); err == nil {
		t.Error("a mapping was read")
	}
}
