package logs

import (
	"bytes"
	"regexp"
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
			"level=WARN msg=one text=line\nlevel=INFO msg=none a=\"b\\nc\"\n",
		"json": `{"level":"ERROR","msg":"app","worker":1,"request":7,"text":"Traceback (most recent call last):\n  File \"a.py\", line 1\n\nKeyError\n"}` +
			"\n" + `{"level":"WARN","msg":"one","text":"line"}` + "\n" + `{"level":"INFO","msg":"none","a":"b\nc"}` + "\n",
	} {
		var out bytes.Buffer
		log, flush := testLogger(t, configs.Log{Level: "info", Format: format}, &out)
		log.With("worker", 1).Error("app", "request", 7, "text", "Traceback (most recent call last):\n  File \"a.py\", line 1\n\nKeyError\n")
		log.Warn("one", "text", "line")
		log.Info("none", "a", "b\nc")
		flush()
		if got := clock.ReplaceAllString(out.String(), ""); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", format, got, want)
		}
	}
}
