package httpfront

import (
	"net/netip"
	"net/url"
	"strconv"
	"testing"

	"penknife/gateway"
	"penknife/requestids"
)

// FuzzForwarded: whatever a trusted proxy writes into the fields about its client, the variables are possible ones, and
// from anybody else they are those of the connection.
func FuzzForwarded(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1", "https", "example.org:8443", "443", `for="[2001:db8::1]:4711";proto=https;host=a, for=10.0.0.2`)
	f.Add("", "", "", "", `for=unknown, for=_x;by="\"\\";proto=ftp`)
	f.Add("[::1]:80,::ffff:10.0.0.1,fe80::1%eth0", "HTTPS,http", "a b,[::1]", "99999,070000", "for=;host=\"a\xff\"")
	connection := newPeer(&loopConn{}, func(netip.Addr) bool { return false })
	proxy := newPeer(&loopConn{}, func(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() })
	for _, p := range []*peer{&connection, &proxy} {
		p.ids = requestids.New("X-Request-ID", true)
	}
	f.Fuzz(func(t *testing.T, client, proto, host, port, standard string) {
		wire := get + "X-Request-ID: " + port + "\r\n"
		for _, field := range [][2]string{{"X-Forwarded-For", client}, {"X-Forwarded-Proto", proto}, {"X-Forwarded-Host", host},
			{"X-Forwarded-Port", port}, {"Forwarded", standard}} {
			if field[1] != "" {
				wire += field[0] + ": " + field[1] + "\r\n"
			}
		}
		var h head
		if parseHead([]byte(wire+"\r\n"), &rowLimits, &h) != nil {
			return
		}
		var req gateway.Request
		if _, bad := h.buildVars(nil, &proxy, &req); bad != nil {
			t.Fatalf("refused: %v", bad)
		}
		vars := varsOf(t, req.Vars)
		if _, err := netip.ParseAddr(vars["REMOTE_ADDR"]); err != nil {
			t.Errorf("REMOTE_ADDR: %v", err)
		}
		if n, err := strconv.Atoi(vars["SERVER_PORT"]); err != nil || n < 0 || len(vars["SERVER_PORT"]) > 5 {
			t.Errorf("SERVER_PORT %q", vars["SERVER_PORT"])
		}
		if scheme := vars["REQUEST_SCHEME"]; scheme != "http" && scheme != "https" || (vars["HTTPS"] == "on") != (scheme == "https") {
			t.Errorf("%q %q", scheme, vars["HTTPS"])
		}
		if !isGoodHost(vars["HTTP_HOST"]) || !requestids.Valid(req.RequestID) || vars["REQUEST_ID"] != string(req.RequestID) {
			t.Errorf("host %q, identifier %q", vars["HTTP_HOST"], req.RequestID)
		}
		if _, bad := h.buildVars(nil, &connection, &req); bad != nil {
			t.Fatalf("refused: %v", bad)
		}
		for name, want := range map[string]string{"REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http", "HTTP_HOST": "a", "SERVER_PORT": "80",
			"HTTP_X_FORWARDED_FOR": "-", "HTTP_FORWARDED": "-", "HTTPS": "-"} {
			expectVar(t, varsOf(t, req.Vars), name, want)
		}
	})
}

// FuzzEscapes: a path is decoded as net/url does it, or refused where net/url does or an encoded NUL would come out.
func FuzzEscapes(f *testing.F) {
	for _, path := range []string{"/", "/%41%2f%2F%c3%A9", "/%2541", "/%", "/%4", "/%zz", "/%00", "/a%20b+c", "/%u0041", "%%41"} {
		f.Add([]byte(path))
	}
	f.Fuzz(func(t *testing.T, path []byte) {
		ours, ok := appendDecoded([]byte("kept"), path)
		theirs, err := url.PathUnescape(string(path))
		if err == nil && string(ours) == "kept"+theirs && ok {
			return
		}
		if !ok && (err != nil || containsEscapedNUL(string(path))) {
			return
		}
		t.Errorf("%q: %q %v, net/url: %q %v", path, ours, ok, theirs, err)
	})
}

func containsEscapedNUL(path string) bool {
	for i := 0; i+2 < len(path); i++ {
		if path[i:i+3] == "%00" {
			return true
		}
	}
	return false
}
