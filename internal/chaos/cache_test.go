package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/internal/testkit"
)

const (
	cacheSize   = 8 << 20
	memoryLimit = 32 << 20 // GOMEMLIMIT
)

// kept is an answer that the cache may keep: what is asked for, and the variable that the application puts behind the pattern.
type kept struct {
	number  string
	size    int
	gate    string // the application waits there
	add     string // a field of the answer
	echo    string // a variable
	headers []string
}

func (k *kept) call() testkit.Call {
	target := fmt.Sprintf("/cached/x?id=%s&n=%d", k.number, k.size)
	if k.gate != "" {
		target += "&gate=" + k.gate
	}
	if k.add != "" {
		target += "&add=" + url.QueryEscape(k.add)
	}
	if k.echo != "" {
		target += "&echo=" + k.echo
	}
	return testkit.Call{Target: target, Headers: append([]string{"Host: example.com"}, k.headers...)}
}

// ask makes the call and compares each byte of the answer. What is echoed is one of those.
func (k *kept) ask(c testkit.Client, echoes ...string) error {
	answer, err := c.Try(k.call())
	rest, found := bytes.CutPrefix(answer.Body, pattern(k.number, k.size))
	if err != nil || answer.Status != 200 || answer.Cut != nil || !found || !slices.Contains(echoes, string(rest)) {
		return fmt.Errorf("%s: %s: %d, %d bytes, cut %v, %w", c.Name, k.call().Target, answer.Status, len(answer.Body), answer.Cut, errors.Join(err, errWrongAnswer))
	}
	return nil
}

var errWrongAnswer = errors.New("not the right answer")

// calls counts how often the application was called for a number.
func (a *arena) calls(t *testing.T, number string) (n int) {
	t.Helper()
	j, err := readJournal(a.journal)
	if err != nil {
		t.Fatal(err)
	}
	for call := range j.begun {
		if strings.HasPrefix(call, number+".") {
			n++
		}
	}
	return n
}

// TestCacheUnderSiege is scenario 27 under load: more answers than the cache has room for, crowds that want one answer, and
// requests that want others to get theirs. The limit holds at each look, the application is called once for each key, and what
// belongs to one visitor is never kept. Each byte of each answer is compared. It is the part of scenario 20 about penknife's own
// process, too: GOMEMLIMIT holds it below its share.
func TestCacheUnderSiege(t *testing.T) {
	t.Parallel() // its numbers are no times
	a := begin(t, setup{processes: 2, threads: 4, config: fmt.Sprintf("cache: {enabled: true, size: %d, wait: 30s}\n", cacheSize),
		env: []string{fmt.Sprintf("GOMEMLIMIT=%d", memoryLimit)}})
	a.inject(func() {
		a.overfill(t, rounds(800, 6000), 60_000)
		for i := range rounds(3, 20) {
			a.stampede(t, fmt.Sprintf("crowd%d", i), 100)
		}
		a.poison(t)
	})
	a.end(t, criterion{slowest: 3 * time.Second, moved: map[string]float64{starts: 0}})
}

// overfill asks for so many answers, each twice, and looks at the books and at penknife's memory all the time.
func (a *arena) overfill(t *testing.T, answers, size int) {
	t.Helper()
	const askers = 4
	most, memory := 0.0, int64(0)
	var group sync.WaitGroup
	done := make(chan struct{})
	for g := range askers {
		group.Go(func() { // ends when it has asked for its part
			for i := range answers / askers {
				k := kept{number: fmt.Sprintf("fill%d-%d", g, i), size: size - i%1000}
				for _, c := range a.Fronts() { // the second one usually has it from the cache
					if err := k.ask(c, ""); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	go func() { group.Wait(); close(done) }() // ends with them
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		most, memory = max(most, a.scrape(t)["penknife_cache_bytes"]), max(memory, testkit.Anonymous(t, a.PID()))
		select {
		case <-done:
			tick.Stop()
			a.filled(t, most, memory, askers*size)
			return
		default:
		}
	}
}

// filled judges: at no moment more than the limit and what was just being stored, at rest not a byte more, and not much less.
func (a *arena) filled(t *testing.T, most float64, memory int64, underWay int) {
	t.Helper()
	now := a.scrape(t)
	t.Logf("cache: %v bytes at most, %v at rest, %v entries; %d MiB of memory at most", most, now["penknife_cache_bytes"], now["penknife_cache_entries"], memory>>20)
	if most > float64(cacheSize+underWay) || now["penknife_cache_bytes"] > cacheSize || now["penknife_cache_bytes"] < cacheSize*8/10 {
		t.Errorf("%v bytes in the cache, %v at most: cache.size is %d", now["penknife_cache_bytes"], most, cacheSize)
	}
	if hits := now[`penknife_cache_requests_total{outcome="hit",rule="none"}`]; hits == 0 {
		t.Error("nothing came from the cache")
	}
	if memory > memoryLimit+8<<20 { // what is not the heap's
		t.Errorf("%d MiB of memory", memory>>20)
	}
}

// stampede lets a crowd ask for what nobody has asked for before, all at once over both protocols: one call, for which all the others
// wait. Who came after its end might find that a full cache has not kept the answer.
func (a *arena) stampede(t *testing.T, number string, crowd int) {
	t.Helper()
	gate := testkit.NewGate(t)
	k := kept{number: number, size: 5000, gate: gate.Path}
	var group sync.WaitGroup
	for i := range crowd {
		group.Go(func() { // ends with the answer
			if err := k.ask(a.Fronts()[i%2], ""); err != nil {
				t.Error(err)
			}
		})
	}
	testkit.Eventually(t, 10*time.Second, func() error {
		if n := a.scrape(t)["penknife_cache_waiting_requests"]; n != float64(crowd-1) {
			return fmt.Errorf("%v of %d wait", n, crowd)
		}
		return nil
	})
	gate.Pass(t, 1)
	group.Wait()
	if n := a.calls(t, number); n != 1 {
		t.Errorf("%d calls for one key that %d have asked for", n, crowd)
	}
}

// poison asks as one who wants his answer to be given to others. "Never kept": each request is a call of its own.
func (a *arena) poison(t *testing.T) {
	t.Helper()
	for i, row := range []struct {
		name, header, echo, add string
		never                   bool // whatever comes is for nobody else, also not for who asks in the same way
	}{
		{"Authorization", "Authorization: Basic evil", "HTTP_AUTHORIZATION", "", true},
		{"Set-Cookie", "", "", "Set-Cookie: session=evil", true},
		{"Vary", "X-Evil: evil", "HTTP_X_EVIL", "Vary: *", true},
		{"X-Forwarded-Host", "X-Forwarded-Host: evil", "HTTP_X_FORWARDED_HOST", "", false},
		{"X-Host", "X-Host: evil", "HTTP_X_HOST", "", false},
		{"X-Original-URL", "X-Original-URL: /evil", "HTTP_X_ORIGINAL_URL", "", false},
		{"X-HTTP-Method-Override", "X-HTTP-Method-Override: evil", "HTTP_X_HTTP_METHOD_OVERRIDE", "", false},
	} {
		k := kept{number: fmt.Sprintf("poison%d", i), size: 100, add: row.add, echo: row.echo}
		evil, asked := k, 0
		if row.header != "" {
			evil.headers = []string{row.header}
		}
		_, said, _ := strings.Cut(row.header, ": ")
		for range 2 {
			for _, c := range a.Fronts() {
				asked++
				if err := evil.ask(c, said, ""); err != nil { // over HTTP a stranger may not say where he is
					t.Errorf("%s, who poisons: %v", row.name, err)
				}
			}
		}
		if n := a.calls(t, k.number); row.never && n != asked {
			t.Errorf("%s: %d calls for %d requests: something was kept", row.name, n, asked)
		}
		if row.add == "" || row.echo != "" {
			for _, c := range a.Fronts() {
				if err := k.ask(c, ""); err != nil {
					t.Errorf("%s, who is to be poisoned: %v", row.name, err)
				}
			}
		}
	}
}
