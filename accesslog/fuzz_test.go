package accesslog

import (
	"errors"
	"strings"
	"testing"

	"penknife/gateway"
)

// FuzzCompile: a format is refused by name, or writes one line for any request.
func FuzzCompile(f *testing.F) {
	gunicorn, uwsgi, own := Atoms()
	for _, name := range append(append(uwsgi, own...), "{x-y}i", "{REQUEST_METHOD}e", "{server}o", "var.HTTP_HOST", "metric.x", "") {
		f.Add("%("+name+")", []byte("GET"))
	}
	for _, name := range append(gunicorn, "{referer}i", "{x}o", "{HOME}e", "{", "}") {
		f.Add(`"%(`+name+`)s" %(h)s`, []byte("\n\""))
	}
	for _, text := range []string{Combined, JSON, Uwsgi, "", "%", "%(", "%()", "%(h)", "%%(h)s", "%(h)s%", "a\nb%(h)s", "\xff%(uri)", "\x7f%(uri)"} {
		f.Add(text, []byte{1, 0})
	}
	f.Fuzz(func(t *testing.T, text string, sent []byte) {
		format, err := Compile(text, 32)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		r, outcome := usual()
		r.Vars, r.Method, r.Target, r.Host, r.RemoteAddr, r.RequestID = append(encodeVars("HTTP_REFERER", string(sent), "HTTP_X_Y", string(sent)), sent...), sent, sent, sent, sent, sent
		outcome.Head = append([]byte("HTTP/1.1 200 OK\r\nServer: x\r\nX: "), sent...)
		for _, request := range []*gateway.Request{r, {}} {
			line := recordOf(t, format, WrapLine, request, outcome)
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
				t.Fatalf("%q: %q", text, line)
			}
			for _, c := range []byte(line[:len(line)-1]) {
				if c < ' ' || c == 0x7f {
					t.Fatalf("%q: a control character in %q", text, line)
				}
			}
		}
	})
}
