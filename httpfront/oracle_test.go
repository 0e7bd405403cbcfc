package httpfront

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestRowsAgainstNginx sends every row that is not about our limits to nginx, with net/http behind it, and compares
// whether the request is served and whether the canary is. A difference must be explained, and an explanation needed.
func TestRowsAgainstNginx(t *testing.T) {
	var served atomic.Int64
	behind := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		served.Add(1)
	}))
	defer behind.Close()
	nginx := testkit.Nginx(t, "", `location / { proxy_pass `+behind.URL+`; proxy_ignore_client_abort on; }`)
	log := &calls{}
	s := newRowServer(t, log)
	used := map[string]bool{}
	for _, r := range rows {
		if slices.Contains([]string{"413", "414", "431"}, r.status) {
			continue
		}
		served.Store(0)
		status := firstStatus(sendAll(t, nginx.Address, r.wire+canary))
		theirs := verdict{"200" <= status && status < "400", served.Load() > 1}
		answer := deliver(t, s, log, cut(r.wire+canary, whatever))
		ours := verdict{strings.HasPrefix(answer, `["200`), strings.Contains(answer, "canary")}
		if ours == theirs {
			continue
		}
		reason := differences[r.rule]
		if !ours.served && theirs.served && reason == "" {
			reason = lenient(r.rule)
		}
		if used[reason] = true; reason == "" {
			t.Errorf("%s: nginx %q %+v; we %+v", r.rule, status, theirs, ours)
		}
	}
	for _, reason := range slices.Concat(slices.Collect(maps.Values(differences)), slices.Collect(maps.Values(leniencies))) {
		if !used[reason] {
			t.Errorf("nothing differs because %s", reason)
		}
	}
}

// verdict is whether a row was served, and the canary behind it.
type verdict struct{ served, then bool }

// sendAll sends bytes and gives all that comes back.
func sendAll(t *testing.T, address, wire string) string {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	io.WriteString(nc, wire)
	nc.(*net.TCPConn).CloseWrite()
	all, _ := io.ReadAll(nc) // a reset after a refusal is an end too
	return string(all)
}

func firstStatus(answer string) string {
	if found := statusLine.FindStringSubmatch(answer); found != nil {
		return found[1]
	}
	return ""
}

// lenient finds why nginx serves what we refuse, by the rule's section.
func lenient(rule string) string {
	words := strings.Fields(rule)
	return leniencies[words[0]+" "+words[1]]
}

// leniencies say what nginx (1.22) lets pass, by section. It writes anew what it passes on, so an application behind it
// is not reached by most of this; one behind us would be.
var leniencies = map[string]string{
	"9112 2.2":    "nginx takes a lone LF for a line's end and skips any number of lone CR and LF before a request",
	"9112 2.3":    "nginx reads versions of more digits",
	"9112 3":      "nginx takes several blanks for one",
	"9112 3.1":    "nginx has no limit for methods but that of the line",
	"9112 3.2":    "nginx cuts fragments off",
	"9112 3.2.2":  "nginx takes any scheme, and any port",
	"3986 3.2":    "nginx refuses only slashes, NUL and empty labels in Host",
	"3986 3.2.2":  "nginx does not look into brackets and escapes of Host",
	"3986 3.2.3":  "nginx does not look at the port of Host",
	"1034 3.5":    "nginx takes an empty label in front",
	"6874 2":      "nginx does not look at zones of Host",
	"9110 5.1":    "nginx skips lines whose name it cannot use",
	"9110 5.5":    "nginx does not look at values of fields that it skips",
	"9110 8.3":    "nginx passes several Content-Type on",
	"9110 10.1.1": "nginx ignores expectations that it does not know",
	"9112 7.1":    "nginx takes blanks after a chunk size, LF for CRLF, and any number of zeros",
	"9112 7.1.1":  "nginx skips everything between a chunk size and LF",
	"9112 7.1.2":  "nginx skips trailers unread",
	"9110 6.5.1":  "nginx skips trailers whatever their names",
}

const (
	upperOnly   = "nginx knows methods of upper-case letters, - and _ only; RFC 9110 section 9.1 says token"
	noTrace     = "nginx refuses TRACE; here the application judges"
	spaceOnly   = "nginx does not take HTAB for a blank; RFC 9110 section 5.6.3 does"
	noEmptyHost = "nginx looks at Host even where the target has an authority, which section 3.2.2 tells to ignore"
	substring   = "nginx looks for close anywhere in Connection; it is a list of tokens"
)

// differences explain single rows.
var differences = map[string]string{
	"9112 3 any token is a method":                                upperOnly,
	"9110 9.1 methods are case-sensitive: the application judges": upperOnly,
	"9110 9.3.8 TRACE: the application judges":                    noTrace,
	"9110 7.6.2 Max-Forwards is the application's":                noTrace,
	"9112 3.2.4 asterisk":                                         "nginx does not serve OPTIONS *",
	"9112 3.2.1 dots stay for the application":                    "nginx resolves dots and refuses those above the root",
	"3986 3.2.2 blanks around Host":                               spaceOnly,
	"9110 8.6 blanks around":                                      spaceOnly,
	"9112 6.1 blanks around":                                      spaceOnly,
	"9112 3.2 empty Host in 1.0":                                  "nginx refuses an empty Host in every version; 1.0 does not ask for any",
	"9112 3.2.2 empty Host with absolute-form is ignored":         noEmptyHost,
	"9112 3.2.2 empty Host with absolute-form in 1.0":             noEmptyHost,
	"9110 10.1.1 twice":                                           "nginx refuses a repeated Expect; it is a list",
	"9112 9.3 close beats keep-alive (5)":                         "nginx lets the last Connection field win",
	"9112 9.3 a word that contains close":                         substring,
	"9112 9.3 close with a parameter is another option":           substring,
	"9112 9.3 quoted close is another option":                     substring,
}
