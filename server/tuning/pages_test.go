package tuning

import (
	"errors"
	"log/slog"
	"testing"
)

// TestPages: pages are dropped at the start, and once more when the first thousand requests have been served.
func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		fails error
		want  int
	}{"as it should": {nil, 2}, "not possible here": {errors.New("no /proc"), 1}} {
		drops := 0
		p := NewPages(slog.New(slog.DiscardHandler))
		p.drop = func() error { drops++; return c.fails }
		p.Started()
		p.Served(warm - 1)
		if drops != 1 {
			t.Errorf("%s: %d drops before the first requests were over", name, drops)
		}
		p.Served(warm)
		p.Served(2 * warm)
		if drops != c.want {
			t.Errorf("%s: %d drops, want %d", name, drops, c.want)
		}
	}
}
