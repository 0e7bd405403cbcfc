package accesslog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"penknife/gateway"
	"penknife/logsinks"
	"penknife/uwsgiproto"
)

// encodeVars makes a block of keys and values in turn.
func encodeVars(pairs ...string) []byte {
	var block []byte
	for i := 0; i < len(pairs); i += 2 {
		var err error
		if block, err = uwsgiproto.AppendVar(block, pairs[i], pairs[i+1]); err != nil {
			panic(err)
		}
	}
	return block
}

// record writes one request in a format, without the line break.
func record(t testing.TB, format string, r *gateway.Request, outcome gateway.Outcome) string {
	t.Helper()
	f, err := Compile(format, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(recordOf(t, f, WrapLine, r, outcome), "\n")
}

func recordOf(t testing.TB, f *Format, wrapper Wrapper, r *gateway.Request, outcome gateway.Outcome) string {
	t.Helper()
	var out bytes.Buffer
	w := logsinks.New(logsinks.Options{Target: logsinks.Stream(&out), Limit: 1 << 20})
	New(f, w, wrapper, Filter{}).Add(r, outcome)
	if err := w.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// usual is a request as a front end and the workers leave it.
func usual() (*gateway.Request, gateway.Outcome) {
	r := &gateway.Request{
		ID: 7, RequestID: []byte("0f1e"), Front: gateway.FrontHTTP, Start: time.Date(2024, 2, 29, 23, 59, 58, 123456789, time.FixedZone("", -5*3600)),
		Method: []byte("GET"), Target: []byte("/a?b=%20c"), Path: []byte("/a"), Query: []byte("b=%20c"), Proto: []byte("HTTP/1.1"),
		Host: []byte("example.org"), Scheme: []byte("http"), RemoteAddr: []byte("192.0.2.1"),
		Vars: encodeVars("HTTP_REFERER", "first", "REMOTE_USER", "ann", "HTTP_USER_AGENT", "curl/8", "HTTP_REFERER", "http://r/",
			"CONTENT_TYPE", "text/x", "HTTPS", "on"),
		Trace: gateway.Trace{Queue: 1500 * time.Microsecond, App: 20 * time.Millisecond, Worker: 2, PID: 4242, Engine: "app", Cache: "miss"},
	}
	return r, gateway.Outcome{
		Status: 200, Sent: 1234, Total: 1234567 * time.Microsecond,
		Head: []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: b\"c\r\n\r\nX-B: content\r\n"),
	}
}

// Truth: nginx's log_format combined with its escape=default, which turns a quote, a backslash and every byte below 32 or
// above 126 into \xHH, and its status 499.
func TestCombinedFormat(t *testing.T) {
	full, sent := usual()
	hostile := &gateway.Request{
		Start: full.Start, Method: []byte("GE\nT"), Target: []byte("/\"\\\x00\x1b[2J\r\n\x7f\xc3\xa9"), Proto: []byte("HTTP/1.1"),
		RemoteAddr: []byte("::1"), Vars: encodeVars("HTTP_USER_AGENT", "a\" 200 1 \"", "HTTP_REFERER", "x\ny"),
	}
	broken := &gateway.Request{Start: full.Start, Vars: []byte{255, 255, 1}}
	const prefix = `192.0.2.1 - ann [29/Feb/2024:23:59:58 -0500] "GET /a?b=%20c HTTP/1.1" `
	for name, test := range map[string]struct {
		request *gateway.Request
		outcome gateway.Outcome
		want    string
	}{
		"all fields":  {full, sent, prefix + `200 1234 "http://r/" "curl/8"`},
		"client gone": {full, gateway.Outcome{Err: &gateway.Error{Kind: gateway.KindClientGone}}, prefix + `499 0 "http://r/" "curl/8"`},
		"cut":         {full, gateway.Outcome{Err: errors.New("x")}, prefix + `000 0 "http://r/" "curl/8"`},
		"hostile": {hostile, gateway.Outcome{Status: 404, Sent: 9},
			`::1 - - [29/Feb/2024:23:59:58 -0500] "GE\x0AT /\x22\x5C\x00\x1B[2J\x0D\x0A\x7F\xC3\xA9 HTTP/1.1" 404 9 "x\x0Ay" "a\x22 200 1 \x22"`},
		"nothing known": {broken, gateway.Outcome{Status: 400, Sent: 1}, `- - - [29/Feb/2024:23:59:58 -0500] "  " 400 1 "-" "-"`},
	} {
		if got := record(t, Combined, test.request, test.outcome); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

func TestFormatStrings(t *testing.T) {
	r, outcome := usual()
	for format, want := range map[string]string{
		// gunicorn's documentation of access_log_format says what each atom is.
		`%(h)s|%(l)s|%(u)s|%(t)s|%(r)s|%(m)s|%(U)s|%(q)s|%(H)s|%(s)s|%(B)s|%(b)s|%(f)s|%(a)s|%(T)s|%(D)s|%(M)s|%(L)s|%(p)s`: `192.0.2.1|-|ann|` +
			`[29/Feb/2024:23:59:58 -0500]|GET /a?b=%20c HTTP/1.1|GET|/a|b=%20c|HTTP/1.1|200|1234|1234|http://r/|curl/8|1|1234567|1234|1.234567|<4242>`,
		`%({User-Agent}i)s %({content-type}i)s %({X-a}o)s %({x-b}o)s %({HTTPS}e)s %({NO}e)s 100%%`: `curl/8 text/x b\x22c - on - 100%`,
		`%(h)s %(request_id)s %(queue)s %(app)s %(total)s %(worker)s %(cache)s %(engine)s %(front)s %(error)s %(time_iso)s`: `192.0.2.1 0f1e ` +
			`0.001500 0.020000 1.234567 1 miss app http - 2024-03-01T04:59:58.123Z`,
		// What Debian's uWSGI prints for each is in internal/e2e.
		`%(addr) %(user) %(uri)s %(uagent) %(referer) %(status) %(rsize) %(hsize) %(size) %(micros) %(msecs) %(secs) %(time) %(ltime) %(ctime) ` +
			`%(pid) %(wid) %(vars) %(headers) %(var.HTTPS) %(var.NO) %(cl) %(tmsecs)`: `192.0.2.1 ann /a?b=%20cs curl/8 http://r/ 200 1234 55 1289 ` +
			`1234567 1234 1.234567 1709269198 29/Feb/2024:23:59:58 -0500 Thu Feb 29 23:59:58 2024 4242 2 6 2 on - 0 1709269198123`,
	} {
		if got := record(t, format, r, outcome); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", format, got, want)
		}
	}
	if got := record(t, "%(b)s", r, gateway.Outcome{Status: 304}); got != "-" {
		t.Errorf("no bytes: %s", got)
	}
}

func TestBrokenFormats(t *testing.T) {
	for format, want := range map[string]string{
		"":                       "has it an atom",
		"combind":                `"combind" is neither`,
		"%(stauts)":              "unknown atom %(stauts); did you mean %(status)?",
		"%(h)s %(requestid)s":    "unknown atom %(requestid); did you mean %(request_id)?",
		"%(h)s %(Z)s":            "unknown atom %(Z)",
		"%(h)s %({x}y)s":         "unknown atom %({x}y)",
		"%(h)s %({}i)s":          "unknown atom %({}i)",
		"%(h)s %(s)d":            "%(s) needs the conversion s",
		"%(addr":                 "no closing parenthesis",
		"%(addr) 100%":           "an atom is written %(name)",
		"%(addr) %-5d":           "an atom is written %(name)",
		"%(addr)\n":              "control character",
		"%(addr) %(var.)":        "unknown atom %(var.)",
		"%(addr) %({referer}i)x": "unknown atom %({referer}i)",
	} {
		_, err := Compile(format, 100)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", format, err, want)
		}
	}
}

// TestEveryAtomWorks: none is without its function, whatever is known about the request.
func TestEveryAtomWorks(t *testing.T) {
	gunicorn, uwsgi, own := Atoms()
	format := ""
	for _, name := range append(uwsgi, own...) {
		format += "%(" + name + ") "
	}
	r, outcome := usual()
	if got := record(t, format, r, outcome); strings.Count(got, " ") < len(uwsgi)+len(own) {
		t.Error(got)
	}
	format = ""
	for _, name := range append(gunicorn, own...) {
		format += "%(" + name + ")s "
	}
	record(t, format, &gateway.Request{}, gateway.Outcome{})
}

// Truth: what Debian's uWSGI 2.0.21 printed for a request of curl (it counts as many switches, and it knows no workers
// before its own).
func TestUwsgiFormat(t *testing.T) {
	r := &gateway.Request{
		Start: time.Date(2026, 11, 22, 11, 12, 44, 0, time.UTC), Method: []byte("GET"), Target: []byte("/a%20b?x=1&y=%22"),
		Proto: []byte("HTTP/1.1"), RemoteAddr: []byte("127.0.0.1"), Trace: gateway.Trace{Worker: 1, PID: 4404},
		Vars: encodeVars("A", strings.Repeat("x", 285)),
	}
	outcome := gateway.Outcome{Status: 200, Sent: 6, Head: []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\n")}
	const want = "[pid: 4404|app: 0|req: 1/1] 127.0.0.1 () {1 vars in 290 bytes} [Sun Nov 22 11:12:44 2026] GET /a%20b?x=1&y=%22 => " +
		"generated 6 bytes in 0 msecs (HTTP/1.1 200) 2 headers in 53 bytes (1 switches on core 0)"
	if got := record(t, Uwsgi, r, outcome); got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

func TestJSONFormat(t *testing.T) {
	r, outcome := usual()
	const want = `{"time":"2024-03-01T04:59:58.123Z","request_id":"0f1e","front":"http","client":"192.0.2.1","user":"ann","method":"GET",` +
		`"scheme":"http","host":"example.org","url":"/a?b=%20c","protocol":"HTTP/1.1","referer":"http://r/","user_agent":"curl/8","status":200,` +
		`"bytes":1234,"total":1.234567,"engine":"app","queue":0.001500,"app":0.020000,"worker":1,"pid":4242,"cache":"miss"}`
	if got := record(t, JSON, r, outcome); got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
	var refused struct {
		Status int
		Error  string
	}
	line := record(t, JSON, &gateway.Request{Method: []byte("-")}, gateway.Outcome{Status: 400, Err: gateway.Errorf(gateway.KindBadRequest, "x")})
	if err := json.Unmarshal([]byte(line), &refused); err != nil || refused.Status != 400 || refused.Error != "bad_request" {
		t.Errorf("%s: %v", line, err)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	r := &gateway.Request{Target: []byte("/" + strings.Repeat("é", 32<<10))}
	for _, name := range []string{JSON, Combined, Uwsgi, "%(uri)"} {
		f, err := Compile(name, 1001)
		if err != nil {
			t.Fatal(err)
		}
		line := recordOf(t, f, WrapLine, r, gateway.Outcome{})
		if len(line) > 4*1001+400 || !strings.Contains(line, "...") {
			t.Errorf("%s: %d bytes", name, len(line))
		}
		if name == JSON && (!json.Valid([]byte(line)) || !strings.Contains(line, `é..."`)) {
			t.Errorf("cut inside a character: %s", line)
		}
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	r, outcome := usual()
	for _, format := range []string{Combined, JSON, Uwsgi, "%(h)s %({x-a}o)s %({User-Agent}i)s"} {
		f, err := Compile(format, 4096)
		if err != nil {
			t.Fatal(err)
		}
		w := logsinks.New(logsinks.Options{Target: logsinks.Stream(io.Discard), Limit: 1 << 30})
		l := New(f, w, WrapLine, Filter{})
		for range 2000 {
			l.Add(r, outcome) // lets the buffer grow
		}
		if n := testing.AllocsPerRun(100, func() { l.Add(r, outcome) }); n > 0.1 {
			t.Errorf("%s: %v allocations for a record", format, n)
		}
		if err := w.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestFilter(t *testing.T) {
	f, err := Compile("%(status)", 100)
	if err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[Filter]string{
		{}:                               "200 404 500 000 499 200 ",
		{Status: 400}:                    "404 500 000 499 ",
		{Status: 500}:                    "500 000 ",
		{Slow: time.Second}:              "200 ",
		{Status: 500, Slow: time.Second}: "500 000 200 ",
	} {
		var out bytes.Buffer
		w := logsinks.New(logsinks.Options{Target: logsinks.Stream(&out), Limit: 1 << 20})
		l := New(f, w, WrapLine, filter)
		for _, outcome := range []gateway.Outcome{{Status: 200}, {Status: 404}, {Status: 500}, {Err: errors.New("cut")},
			{Err: &gateway.Error{Kind: gateway.KindClientGone}}, {Status: 200, Total: time.Second}} {
			l.Add(&gateway.Request{}, outcome)
		}
		if err := w.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(out.String(), "\n", " "); got != want {
			t.Errorf("%+v: %s, want %s", filter, got, want)
		}
	}
}

func TestWrapperNames(t *testing.T) {
	for w := WrapLine; w <= WrapJournal; w++ {
		if w.String() == "unknown" {
			t.Errorf("wrapper %d has no name", w)
		}
	}
	if Wrapper(0).String() != "unknown" || Wrapper(9).String() != "unknown" {
		t.Error("a wrapper outside the table must be unknown")
	}
}

// FuzzJSON: every record decodes, and says what was sent as far as that is UTF-8.
func FuzzJSON(f *testing.F) {
	f.Add([]byte("/a\"b\\\n\x00\x1f\x7f\xff\xc3\xa9\u2028\xed\xa0\x80"), []byte("x"))
	f.Add([]byte(strings.Repeat("\xf0\x9f\x98\x80", 30)), []byte{1, 0})
	format, err := Compile(JSON, 64)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target, vars []byte) {
		r := &gateway.Request{Target: target, Method: vars, Vars: vars, Host: target, RemoteAddr: target, Proto: vars}
		line := recordOf(t, format, WrapLine, r, gateway.Outcome{Status: 200})
		var got struct{ URL string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || strings.Count(line, "\n") != 1 || !utf8.ValidString(line) {
			t.Fatalf("%v: %q", err, line)
		}
		if len(target) <= 64 && got.URL != strings.ToValidUTF8(string(target), "") && utf8.Valid(target) {
			t.Errorf("%q became %q", target, got.URL)
		}
	})
}

// FuzzCombined: one line, and no more quotes than the format has, whatever a client sends.
func FuzzCombined(f *testing.F) {
	f.Add(encodeVars("HTTP_REFERER", "x"))
	f.Add([]byte{1, 0})
	format, err := Compile(Combined, 64)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, vars []byte) {
		line := recordOf(t, format, WrapLine, &gateway.Request{Vars: vars, Target: vars, RemoteAddr: vars}, gateway.Outcome{})
		if strings.Count(line, "\n") != 1 || strings.Count(line, `"`) != 6 {
			t.Errorf("%q", line)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	r, outcome := usual()
	r.Vars = encodeVars("REQUEST_METHOD", "GET", "REQUEST_URI", "/", "PATH_INFO", "/", "QUERY_STRING", "", "SERVER_PROTOCOL", "HTTP/1.1",
		"SCRIPT_NAME", "", "SERVER_NAME", "127.0.0.1", "SERVER_PORT", "80", "REMOTE_ADDR", "127.0.0.1", "HTTP_HOST", "a",
		"HTTP_USER_AGENT", "curl/8", "HTTP_ACCEPT", "*/*", "HTTP_X_REQUEST_ID", "0123456789abc-7")
	for _, name := range []string{Combined, JSON, Uwsgi, "%(addr) %(status)"} {
		b.Run(name, func(b *testing.B) {
			f, err := Compile(name, 4096)
			if err != nil {
				b.Fatal(err)
			}
			w := logsinks.New(logsinks.Options{Target: logsinks.Stream(io.Discard), Limit: 4 << 20})
			w.Start()
			l := New(f, w, WrapLine, Filter{})
			b.ReportAllocs()
			for b.Loop() {
				l.Add(r, outcome)
			}
			_ = w.Shutdown(b.Context())
		})
	}
}
