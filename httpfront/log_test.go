package httpfront

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
	"penknife/internal/testkit"
)

// TestFailureIsLoggedOnce: at a level that fits who is to blame, with the request's id and the reason.
func TestFailureIsLoggedOnce(t *testing.T) {
	for name, test := range map[string]struct{ wire, want string }{
		"refused head":   {"GET / HTTP/2.0\r\n\r\n", "level=INFO msg=\"request failed\" request=1 kind=version"},
		"error":          {get + "\r\n", "level=WARN msg=\"request failed\" request=1 kind=worker_died"},
		"client is gone": {"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx", "level=INFO msg=\"request failed\" request=1 kind=bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			var log testkit.Buffer
			f := startFront(t, gateway.HandlerFunc(func(req *gateway.Request) (*gateway.Response, error) {
				if _, err := readAll(req); err != nil {
					return nil, err
				}
				return nil, gateway.Errorf(gateway.KindWorkerDied, "signal 9")
			}), options{log: slog.New(slog.NewTextHandler(&log, nil))})
			c := f.dial(t)
			c.send(test.wire)
			c.Conn.(interface{ CloseWrite() error }).CloseWrite()
			f.next(t)
			if lines := log.Lines(); len(lines) != 1 || !strings.Contains(lines[0], test.want) {
				t.Errorf("%q; want %q", lines, test.want)
			}
		})
	}
}

// TestARefusedHeadNamesItsTarget: whoever reads that a head was too large wants to know whose. A request line that makes
// no sense has none.
func TestARefusedHeadNamesItsTarget(t *testing.T) {
	limits := configs.Default().Limits
	long := strings.Repeat("x", int(limits.HeaderBlock)+10)
	for wire, want := range map[string]string{
		"GET /cart?a=1 HTTP/1.1\r\nCookie: " + long: "kind=head_too_large .*target=\"/cart\\?a=1\"",
		"POST /" + long:                       "kind=target_too_long .*method=POST target=/x+$",
		"GET /slow HTTP/1.1\r\nHost":          "kind=bad_request .*target=/slow$",
		"\x16\x03\x01 /hello\r\n":             "kind=bad_request .*method=- target=\"\"$",
		strings.Repeat("M", 40) + " /a\r\n\n": "kind=bad_request .*method=- target=\"\"$",
	} {
		var log testkit.Buffer
		f := startFront(t, gateway.HandlerFunc(func(*gateway.Request) (*gateway.Response, error) {
			return nil, gateway.Errorf(gateway.KindInternal, "must not be asked")
		}), options{log: slog.New(slog.NewTextHandler(&log, nil))})
		c := f.dial(t)
		c.send(wire)
		c.Conn.(interface{ CloseWrite() error }).CloseWrite()
		f.next(t)
		if line := log.Lines()[0]; !regexp.MustCompile(want).MatchString(line) {
			t.Errorf("%.60q: %.300q... want %.60s", wire, line, want)
		}
	}
}
