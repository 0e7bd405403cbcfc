package httpfront

import (
	"net/netip"
	"strings"
	"testing"

	"penknife/configs"
	"penknife/gateway"
	"penknife/requestids"
)

// TestIdentify: only a trusted peer's identifier counts, and only if it is one. The application sees it as REQUEST_ID, and
// the client's header, or its absence, as it is.
func TestIdentify(t *testing.T) {
	limits := configs.Default().Limits
	for name, test := range map[string]struct {
		fields  string
		trusted bool
		want    string // "": made
	}{
		"none":        {"", true, ""},
		"trusted":     {"x-request-id: 0f1e\r\n", true, "0f1e"},
		"not trusted": {"X-Request-ID: 0f1e\r\n", false, ""},
		"twice":       {"X-Request-ID: a\r\nX-Request-Id: b\r\n", true, ""},
		"malformed":   {"X-Request-ID: a, b\r\n", true, ""},
		"too long":    {"X-Request-ID: " + strings.Repeat("x", 200) + "\r\n", true, ""},
	} {
		p := newPeer(&loopConn{}, func(netip.Addr) bool { return test.trusted })
		p.trusted, p.ids = test.trusted, requestids.New("X-Request-ID", false)
		h, req := head{}, gateway.Request{ID: 77}
		if bad := parseHead([]byte("GET / HTTP/1.1\r\nHost: h\r\n"+test.fields+"X-Last: 1\r\n\r\n"), &limits, &h); bad != nil {
			t.Fatal(name, bad.err)
		}
		if _, bad := h.buildVars(nil, &p, &req); bad != nil {
			t.Fatal(name, bad.err)
		}
		want := test.want
		if want == "" {
			want = string(p.ids.Append(nil, 77))
		}
		vars := varsOf(t, req.Vars) // fails if a name is there twice
		_, headed := vars["HTTP_X_REQUEST_ID"]
		if string(req.RequestID) != want || vars["REQUEST_ID"] != want || headed != (test.fields != "") || vars["HTTP_X_LAST"] != "1" || req.Trusted != test.trusted {
			t.Errorf("%s: %q, variable %q, want %q", name, req.RequestID, vars["REQUEST_ID"], want)
		}
	}
}

// TestIdentifierInAnswers: in those of the application unless it sets one itself, in error pages, and in refusals.
func TestIdentifierInAnswers(t *testing.T) {
	f := startFront(t, gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		switch string(r.Path) {
		case "/own":
			return whole(200, "x-request-ID: own\r\n", ""), nil
		case "/error":
			return nil, gateway.Errorf(gateway.KindOverloaded, "x")
		}
		return whole(200, "", string(r.RequestID)), nil
	}), options{ids: requestids.New("X-Request-ID", true)})
	for request, status := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n": "200", "GET /own HTTP/1.1\r\nHost: a\r\n\r\n": "200",
		"GET /error HTTP/1.1\r\nHost: a\r\n\r\n": "503", "GET / HTTP/1.1\r\n\r\n": "400", "nonsense\r\n\r\n": "400",
	} {
		c := f.dial(t)
		c.send(request)
		answer := c.head()
		var ids []string
		for line := range strings.SplitSeq(answer, "\r\n") {
			if name, id, _ := strings.Cut(line, ": "); strings.EqualFold(name, "x-request-id") {
				ids = append(ids, id)
			}
		}
		if !strings.HasPrefix(answer, "HTTP/1.1 "+status) || len(ids) != 1 || strings.HasPrefix(request, "GET /own") != (ids[0] == "own") {
			t.Errorf("%q: %q", request, answer)
		}
		if status == "200" && ids[0] != "own" {
			c.expect(ids[0])
		}
	}
}
