package chaos

import (
	"context"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"penknife/internal/testkit"
)

// work is one request to /work, and what its answer must be.
type work struct {
	number string
	size   int    // bytes of pattern that the answer has
	how    string // whole, stream or file
	body   []byte // nil: GET
	hold   int    // milliseconds that the application takes
}

// want is the whole body of the right answer.
func (w *work) want() []byte {
	sum := sha256.Sum256(w.body)
	first := fmt.Sprintf("%s %d %s\n", w.number, len(w.body), hex.EncodeToString(sum[:]))
	return append([]byte(first), sha3.SumSHAKE128([]byte(w.number), w.size)...)
}

func (w *work) call() testkit.Call {
	call := testkit.Call{Target: fmt.Sprintf("/work?id=%s&n=%d&how=%s", w.number, w.size, w.how)}
	if w.hold > 0 {
		call.Target += "&hold=" + strconv.Itoa(w.hold)
	}
	if w.body != nil {
		call.Method, call.Body = "POST", w.body
	}
	return call
}

// judge says what an exchange that has ended was.
func (w *work) judge(answer testkit.Answer, err error) (outcome, detail string) {
	var timeout net.Error
	failure := errors.Join(err, answer.Cut)
	switch {
	case errors.As(failure, &timeout) && timeout.Timeout():
		return outcomeLate, failure.Error()
	case err != nil && strings.Contains(err.Error(), "dial"):
		return outcomeRefused, err.Error()
	case err != nil:
		return outcomeClosed, err.Error()
	}
	want := w.want()
	if answer.Status != 200 {
		if strings.Contains(string(answer.Body), string(want[len(want)-min(w.size, 8):])) && w.size >= 8 {
			return outcomeWrong, "an error page with bytes of an answer"
		}
		return strconv.Itoa(answer.Status), strings.TrimSpace(string(answer.Body[:min(len(answer.Body), 200)]))
	}
	// Also what came of a cut answer must be the beginning of the right one, and of no other.
	if id := answer.Header.Get("X-Id"); id != w.number && id != "" {
		return outcomeSwapped, "the answer is that of request " + id
	}
	if answer.Header.Get("X-Id") == "" || len(answer.Body) > len(want) || string(answer.Body) != string(want[:len(answer.Body)]) {
		return outcomeWrong, fmt.Sprintf("%d bytes, %d expected: %q...", len(answer.Body), len(want), answer.Body[:min(len(answer.Body), 120)])
	}
	switch {
	case answer.Cut != nil:
		return outcomeCut, answer.Cut.Error()
	case len(answer.Body) != len(want):
		// Without a length the end of the connection is the end of the answer: no client can see that it is short.
		return outcomeCut, fmt.Sprintf("%d of %d bytes", len(answer.Body), len(want))
	}
	return "200", ""
}

// load is clients that ask until they are stopped, each waiting for its answer before it asks again.
type load struct {
	ledger   ledger
	patience time.Duration // of a client for one exchange
	holds    int           // the application takes up to so many milliseconds for a request
	numbers  atomic.Int64
	stop     context.CancelFunc
	clients  sync.WaitGroup
}

// client asks by one way. Kept connections are used until they end.
type client struct {
	load   *load
	way    string
	to     testkit.Client
	keeps  bool
	kept   *testkit.Exchange
	random *rand.Rand
}

// pause is the time between two requests of a client: the load is there to be broken, not to fill the machine.
const pause = 3 * time.Millisecond

// run asks until ctx ends.
func (c *client) run(ctx context.Context) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			c.drop()
			return
		case <-tick.C:
			c.ask(c.next())
		}
	}
}

// next makes up a request: most are small, some stream, some carry files or large bodies.
func (c *client) next() *work {
	w := &work{number: strconv.FormatInt(c.load.numbers.Add(1), 10), how: "whole", size: c.random.IntN(2000)}
	switch c.random.IntN(16) {
	case 0:
		w.how, w.size = "stream", c.random.IntN(300_000)
	case 1:
		w.how, w.size = "file", c.random.IntN(100_000)
	case 2:
		w.size = c.random.IntN(300_000)
	case 3, 4, 5:
		w.body = pattern("body "+w.number, c.random.IntN(5000))
	case 6:
		w.body = pattern("body "+w.number, c.random.IntN(400_000)) // more than limits.body_memory here
	}
	if c.load.holds > 0 && c.random.IntN(4) == 0 {
		w.hold = c.random.IntN(c.load.holds)
	}
	return w
}

func pattern(seed string, n int) []byte { return sha3.SumSHAKE128([]byte(seed), n) }

// ask makes one exchange and enters it into the ledger.
func (c *client) ask(w *work) {
	r := record{number: w.number, way: c.way, sent: time.Now(), uploaded: len(w.body)}
	answer, err := c.exchange(w.call())
	r.took = time.Since(r.sent)
	r.outcome, r.detail = w.judge(answer, err)
	r.pid, _ = strconv.Atoi(answer.Header.Get("X-Pid"))
	c.load.ledger.add(r)
	if r.outcome != "200" {
		c.drop()
	}
}

func (c *client) exchange(call testkit.Call) (testkit.Answer, error) {
	if c.keeps {
		call.Headers = append(call.Headers, "Connection: keep-alive")
	}
	if c.kept == nil {
		exchange, err := c.to.Dial()
		if err != nil {
			return testkit.Answer{}, err
		}
		c.kept = exchange
	}
	_ = c.kept.SetDeadline(time.Now().Add(c.load.patience))
	// A write that fails may have met an answer that is already there: an early refusal.
	_, failed := c.kept.Write(c.to.Encode(call))
	answer, err := c.kept.Receive()
	if err != nil && failed != nil {
		err = failed
	}
	if err != nil || !c.keeps || strings.EqualFold(answer.Header.Get("Connection"), "close") {
		c.drop()
	}
	return answer, err
}

func (c *client) drop() {
	if c.kept != nil {
		_ = c.kept.Close()
		c.kept = nil
	}
}

// journal is what the application noted: which process began a request, and which ended it.
type journal struct {
	begun map[string][]int // request number -> processes, in order
	ended map[string]bool
}

func readJournal(path string) (j journal, err error) {
	file, err := os.Open(path)
	if err != nil {
		return j, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	j = journal{begun: map[string][]int{}, ended: map[string]bool{}}
	for line := range strings.Lines(string(text)) {
		var sign, number string
		var pid int
		if _, err := fmt.Sscan(line, &sign, &pid, &number); err != nil {
			return j, fmt.Errorf("journal: odd line %q", line)
		}
		if sign == "+" {
			j.begun[number] = append(j.begun[number], pid)
		} else {
			j.ended[number] = true
		}
	}
	return j, err
}
