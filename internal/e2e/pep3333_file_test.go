package e2e

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"penknife/internal/testkit"
)

// fileRules are 47 to 49: wsgi.file_wrapper and middleware.
func fileRules() []rule {
	return []rule{
		{47, "file_wrapper_sends_nothing_by_itself", checkFileUnused},
		{48, "file_wrapper_position_length_and_close", checkFileWrapper},
		{49, "middleware_can_intercept", checkMiddleware},
	}
}

// numberedFile is what the application's file holds.
func numberedFile() string {
	var text strings.Builder
	for i := range 65536 {
		fmt.Fprintf(&text, "%015d\n", i*16)
	}
	return text.String()
}

// awaitFileClosed waits until the server has closed the file of an earlier request.
func awaitFileClosed(t testing.TB, s *testkit.Server, name string) {
	t.Helper()
	testkit.Eventually(t, callTimeout, func() error {
		if !decode[bool](t, testkit.HTTPClient(s.HTTP).Get(t, target("/file/closed", "key", name))) {
			return errors.New("the file is open")
		}
		return nil
	})
}

func checkFileUnused(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectBody(t, c.Do(t, testkit.Call{Target: target("/file/unused", "key", key(t))}), "1048576")
		awaitFileClosed(t, s, key(t))
	})
}

func checkFileWrapper(t *testing.T, s *testkit.Server) {
	whole := numberedFile()
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		for _, test := range []struct {
			skip, length int
			declared     bool
		}{{0, len(whole), false}, {100, len(whole) - 100, false}, {100, 1000, true}, {0, 0, true}, {len(whole), 0, false}} {
			name := fmt.Sprint(key(t), test)
			pairs := []string{"skip", strconv.Itoa(test.skip), "key", name}
			if test.declared {
				pairs = append(pairs, "length", strconv.Itoa(test.length))
			}
			answer := c.Get(t, target("/file/real", pairs...))
			if want := whole[test.skip : test.skip+test.length]; string(answer.Body) != want {
				t.Errorf("%+v: %d bytes, starting %q", test, len(answer.Body), clip(answer.Body[:min(20, len(answer.Body))]))
			}
			if got := answer.Header.Get("Content-Length"); got != strconv.Itoa(test.length) {
				t.Errorf("%+v: Content-Length %q", test, got)
			}
			awaitFileClosed(t, s, name)
		}
		expectBody(t, c.Do(t, testkit.Call{Target: target("/file/memory", "skip", "3", "key", key(t)+"m")}), "3456789")
		awaitRecords(t, s, key(t)+"m", "close")
		expectBody(t, c.Do(t, testkit.Call{Target: target("/file/empty", "key", key(t)+"e")}), "")
		awaitRecords(t, s, key(t)+"e", "close")
		expectBody(t, c.Do(t, testkit.Call{Target: "/file/read-only"}), "nothing but read")
		expectBody(t, c.Do(t, testkit.Call{Target: "/file/pipe"}), "through a pipe")
	})
	// More than the file has was promised: the client must be able to tell.
	answer := testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{Target: "/file/real?key=none&length=2000000"})
	if answer.Cut == nil && answer.Status == 200 {
		t.Error("a file shorter than Content-Length looks complete")
	}
}

func checkMiddleware(t *testing.T, s *testkit.Server) {
	eachFront(t, s, func(t *testing.T, c testkit.Client) {
		expectBody(t, c.Do(t, testkit.Call{Target: target("/file/wrapped", "key", key(t))}), "LOWER CASE")
		awaitRecords(t, s, key(t), "close")
		answer := c.Get(t, "/file/replaced")
		if string(answer.Body) != "bonono" || answer.Header.Get("X-Middleware") != "yes" {
			t.Errorf("%q, %v", answer.Body, answer.Lines)
		}
	})
}
