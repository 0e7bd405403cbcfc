package logs

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"penknife/configs"
)

func TestTextsOfSeveralLines(t *testing.T) {
	clock := regexp.MustCompile(`time=\S+ |"time":"[^"]*",`)
	for format, want := range map[string]string{
		"text": "level=ERROR msg=app worker=1 request=7 text=\"Traceback (most recent call last):\"\n" +
			"level=ERROR msg=app worker=1 request=7 text=\"  File \\\"a.py\\\", line 1\"\n" +
			"level=ERROR msg=app worker=1 request=7 text=\"\"\n" +
			"level=ERROR msg=app worker=1 request=7 text=KeyError\n" +
			"level=WARN msg=one text=line\nlevel=WARN msg=ended text=line\nlevel=INFO msg=none a=\"b\\nc\"\n",
		"json": `{"level":"ERROR","msg":"app","worker":1,"request":7,"text":"Traceback (most recent call last):\n  File \"a.py\", line 1\n\nKeyError\n"}` +
			"\n" + `{"level":"WARN","msg":"one","text":"line"}` + "\n" + `{"level":"WARN","msg":"ended","text":"line\n"}` + "\n" + `{"level":"INFO","msg":"none","a":"b\nc"}` + "\n",
	} {
		var out bytes.Buffer
		log, flush := testLogger(t, configs.Log{Level: "info", Format: format}, &out)
		log.With("worker", 1).Error("app", "request", 7, "text", "Traceback (most recent call last):\n  File \"a.py\", line 1\n\nKeyError\n")
		log.Warn("one", "text", "line")
		log.Warn("ended", "text", "line\n")
		log.Info("none", "a", "b\nc")
		flush()
		if got := clock.ReplaceAllString(out.String(), ""); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", format, got, want)
		}
	}
}

// TestTracebackFollowsItsRecord: one record that can be counted, and lines that a person can read.
func TestTracebackFollowsItsRecord(t *testing.T) {
	var out strings.Builder
	log := slog.New(lineByLine{slog.NewTextHandler(&out, nil)})
	log.Error("reload failed", "reason", "import", "traceback", "  File \"a.py\"\nSyntaxError: x\n")
	log.Error("worker left", "traceback", "one line")
	got := regexp.MustCompile(`time=\S+ level=ERROR `).ReplaceAllString(out.String(), "")
	want := "msg=\"reload failed\" reason=import\n" +
		"msg=app text=\"  File \\\"a.py\\\"\"\nmsg=app text=\"SyntaxError: x\"\n" +
		"msg=\"worker left\" traceback=\"one line\"\n"
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}
