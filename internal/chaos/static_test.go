package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestLinksThatChange is the part of scenario 26 that takes two at once: a link below the root of static files leads to a directory
// outside, and to one beside it again, all the time, while clients ask for a file in it. Nobody gets the one outside.
func TestLinksThatChange(t *testing.T) {
	root, outside := testkit.Dir(t), testkit.Dir(t)
	for _, dir := range []string{filepath.Join(root, "real"), outside} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Write(t, filepath.Join(root, "real"), "file.txt", strings.Repeat("public ", 100))
	testkit.Write(t, outside, "file.txt", strings.Repeat("secret ", 100))
	a := begin(t, setup{config: fmt.Sprintf("static:\n  - {url: /static/, root: %s}\n", root)})
	turns, stop, done := 0, make(chan struct{}), make(chan error, 1)
	go func() { // ended by stop
		var err error
		for err == nil {
			select {
			case <-stop:
				done <- nil
				return
			default:
				err = swap(root, outside, turns%2 == 0)
				turns++
			}
		}
		done <- err
	}()
	count := map[int]int{}
	a.inject(func() {
		for until := time.Now().Add(span(time.Second, 10*time.Second)); time.Now().Before(until); {
			answer, err := testkit.HTTPClient(a.HTTP).Try(testkit.Call{Target: "/static/turns/file.txt"})
			if err != nil || strings.Contains(string(answer.Body), "secret") {
				t.Fatalf("%d %.40q, %v", answer.Status, answer.Body, err)
			}
			count[answer.Status]++
		}
	})
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("%d turns, answers: %v", turns, count)
	if count[200] == 0 || len(count) < 2 || turns < 100 {
		t.Error("the link was never met in both of its states")
	}
	a.end(t, criterion{slowest: 3 * time.Second, moved: map[string]float64{starts: 0}})
}

// swap puts another link in the place of the one in the root, in one step: to a directory beside it, or to one outside.
func swap(root, outside string, out bool) error {
	to, fresh := "real", filepath.Join(root, "fresh")
	if out {
		to = outside
	}
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(to, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(root, "turns"))
}
