package workers

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"penknife/configs"
)

func TestFlow_DropsAFloodCountsAndSaysIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		counted := 0
		f := newFlow(newOutputLimits(configs.Log{AppRate: 10, AppBurst: 100}), slog.New(slog.NewTextHandler(&log, nil)), func(n int) { counted += n })
		admitted := 0
		write := func(n int) {
			for range n {
				if f.admit(1) {
					admitted++
				}
			}
		}
		write(250)
		if admitted != 100 || counted != 150 || log.String() != "" {
			t.Errorf("%d admitted, %d counted, log %q", admitted, counted, log.String())
		}
		<-time.After(flowPause)
		synctest.Wait()
		if !strings.Contains(log.String(), "lines=150") {
			t.Errorf("not told: %q", log.String())
		}
		write(20)
		if admitted != 110 {
			t.Errorf("after a second %d are admitted, want 110", admitted)
		}
		f.close()
		if !strings.Contains(log.String(), "lines=10") || strings.Count(log.String(), "\n") != 2 {
			t.Errorf("the rest is not told: %q", log.String())
		}
		<-time.After(time.Hour)
		if !f.admit(5000) || f.admit(1) {
			t.Error("a long text must use a full bucket up")
		}
	})
}

func TestFlow_WithoutARateLimitsNothing(t *testing.T) {
	f := newFlow(newOutputLimits(configs.Log{}), nil, nil)
	for range 100_000 {
		if !f.admit(1) {
			t.Fatal("dropped")
		}
	}
	if f.longest() != maxLine || newFlow(newOutputLimits(configs.Log{AppLine: 300}), nil, nil).longest() != 300 {
		t.Error("the longest line")
	}
}

// TestFlow_CountsAllWaysOfOneWorkerTogether: both streams and wsgi.errors share the bucket.
func TestFlow_CountsAllWaysOfOneWorkerTogether(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	f := newFlow(newOutputLimits(configs.Log{AppRate: 1, AppBurst: 6}), log, func(int) {})
	f.now = func() time.Time { return f.filled }
	p := &pump{log: log, flow: f}
	splitLines(strings.NewReader("1\n2\n"), 100, p.line)
	w := &workerProcess{log: log, flow: f, files: nobody{}}
	text := append([]byte{sayLog, 3, 0, 0, 0, 0, 0, 0}, binary.LittleEndian.AppendUint64(nil, 9)...)
	for range 2 {
		if err := w.hear(append(text, "3\n4\n5\n"...), nil); err != nil {
			t.Fatal(err)
		}
	}
	splitLines(io.LimitReader(strings.NewReader("6\n7\n"), 4), 100, p.line)
	if got := strings.Count(out.String(), "\n"); got != 2+1+1 {
		t.Errorf("%d messages:\n%s", got, &out)
	}
	f.close()
}

// nobody holds no request.
type nobody struct{ fileReceiver }

func (nobody) NameOf(uint64) string { return "0f1e" }
