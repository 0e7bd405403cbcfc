package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// soakRate bounds what TestSoakFlat asks, in requests per second; 0 is as fast as it goes.
var soakRate = flag.Int("soakrate", 300, "requests per second of TestSoakFlat")

// What counts as flat, over the judged part of a run: how much the line through the readings may rise. Memory is what a
// process has for itself (RssAnon), so that no page counts twice.
const (
	// flatMemory and flatShare of the mean are allowed together. With 300 requests per second for half an hour that is less than
	// five bytes for each request.
	flatMemory = 1 << 20
	flatShare  = 0.02
	// flatCount is for descriptors, goroutines and threads. They come and go with clients, so that their line is never quite level.
	flatCount = 4.0
	// flatNoise times the standard deviation of the readings from the line is allowed in any case: less cannot be told
	// from chance.
	flatNoise = 2.0
	// judged is from where on readings count: before it, pools and caches fill.
	judged = 0.25
	// flatLeast is the shortest run that is judged by its lines: in the first minutes pools, caches and the heap fill. A
	// shorter one is judged by its answers, and by what is left when it is over.
	flatLeast = 5 * time.Minute
)

// TestSoakFlat is an ordinary long day: every kind of request, mistakes and clients that leave included, at a bounded rate.
// Every answer is checked; memory, descriptors and goroutines stay where they are. Once nobody touches the server, so that
// each worker can be judged, and once it is reloaded all the time. `make test` has a few seconds of each.
func TestSoakFlat(t *testing.T) {
	for _, test := range []struct {
		name    string
		reloads bool
	}{{"untouched", false}, {"reloaded", true}} {
		t.Run(test.name, func(t *testing.T) { soakFlat(t, test.reloads) })
	}
}

func soakFlat(t *testing.T, reloads bool) {
	duration := max(*soak, 2*time.Second)
	root := testkit.Dir(t)
	content := string(pattern(40_000))
	file := testkit.Write(t, root, "file", content)
	admin := testkit.FreeAddress(t)
	const processes, threads = 2, 8
	v := &versioned{Server: serve(t, "soaked:application", testkit.Options{
		Processes: processes, Threads: threads, Successors: true, Leaves: channels(processes * threads),
		// With penknife's own setting the heap grows to four times what lives before it is collected, and with it all chance in
		// what lives at a collection. With 25 the memory follows what lives, and a leak shows four times as soon.
		Env:    []string{"SOAKED_FILE=" + file, "SOAKED_THREADS=" + strconv.Itoa(threads), "GOGC=25"},
		Flags:  []string{"--admin", admin, "--static", "/static/=" + root, "--cache", "1MiB", "--max-body", "4MiB"},
		Config: "app_cache: {size: 1MiB, copies: 1MiB}\nworkers: {grace_period: 20s}\n",
	})}
	nginx := testkit.NginxPass(t, v.Uwsgi, "")
	readings := &soakReadings{began: time.Now(), admin: admin, series: map[string]*testkit.Series{}}

	together(t, v.Server, "/thread?id=0", processes*threads) // none answers before all are there: each thread gets its channel
	warm := startSoakLoad(t, v.Server, nginx, *soakRate, content)
	<-time.After(duration / 10)
	warm.finish(t)
	before := v.awaitIdle(t, admin)

	load := startSoakLoad(t, v.Server, nginx, *soakRate, content)
	began, rounds := time.Now(), 0
	every := max(duration/600, 200*time.Millisecond)
	reloadEvery := max(duration/60, time.Second)
	for reloaded := began; (time.Since(began) < duration || reloads && rounds < 2) && !t.Failed(); {
		<-time.After(every)
		readings.take(t, v, !reloads)
		if reloads && time.Since(reloaded) > reloadEvery {
			readings.takePythons(t, v)
			v.reload(t)
			reloaded = time.Now()
			rounds++
		}
	}
	total := load.finish(t)
	t.Logf("%.0f requests per second for %v, %d reloads", float64(total)/time.Since(began).Seconds(), duration, rounds)
	if reloads && rounds < 2 {
		t.Errorf("%d reloads", rounds)
	}
	readings.judge(t, duration >= flatLeast)
	v.awaitLevel(t, admin, before)
	expectNotLogged(t, v.Server, "panic", `msg="worker died"`, "hostile")
}

// part begins the names of figures that are part of another one.
const part = "part of penknife memory: "

// soakReadings is every figure over time.
type soakReadings struct {
	began  time.Time
	admin  string
	series map[string]*testkit.Series
}

func (r *soakReadings) add(name string, value float64) {
	if r.series[name] == nil {
		r.series[name] = &testkit.Series{}
	}
	r.series[name].Add(time.Since(r.began), value)
}

// take reads penknife itself, and with workers the Python processes one by one.
func (r *soakReadings) take(t *testing.T, v *versioned, workers bool) {
	t.Helper()
	r.add("penknife memory", float64(testkit.Anonymous(t, v.PID())))
	r.add("penknife descriptors", float64(testkit.Descriptors(t, v.PID())))
	page := scrape(t, r.admin)
	r.add("penknife live heap memory", sample(t, page, "go_gc_heap_live_bytes"))
	// What RssAnon is made of, so that a rise can be told from pages that Go keeps for the next crowd. It is not judged.
	r.add(part+"used heap", sample(t, page, "go_memstats_heap_inuse_bytes"))
	r.add(part+"free heap", sample(t, page, "go_memstats_heap_idle_bytes")-sample(t, page, "go_memstats_heap_released_bytes"))
	r.add(part+"stacks", sample(t, page, "go_memstats_stack_inuse_bytes"))
	r.add("penknife goroutines", sample(t, page, "go_goroutines"))
	r.add("penknife threads", sample(t, page, "go_threads"))
	if !workers {
		return
	}
	for _, pid := range v.Pythons() {
		r.add(fmt.Sprintf("python %d memory", pid), float64(testkit.Anonymous(t, pid)))
		r.add(fmt.Sprintf("python %d descriptors", pid), float64(testkit.Descriptors(t, pid)))
	}
}

// takePythons reads all Python processes of the present generation together, at the end of its life.
func (r *soakReadings) takePythons(t *testing.T, v *versioned) {
	t.Helper()
	status := v.awaitQuiet(t)
	memory, descriptors := testkit.Anonymous(t, status.Current.ZygotePID), testkit.Descriptors(t, status.Current.ZygotePID)
	for _, w := range status.Current.Workers {
		memory += testkit.Anonymous(t, w.PID)
		descriptors += testkit.Descriptors(t, w.PID)
	}
	r.add("pythons memory", float64(memory))
	r.add("pythons descriptors", float64(descriptors))
}

// judge says what each figure did, and fails for those that rose.
func (r *soakReadings) judge(t *testing.T, strict bool) {
	t.Helper()
	from := time.Duration(float64(time.Since(r.began)) * judged)
	for _, name := range slices.Sorted(maps.Keys(r.series)) {
		trend := r.series[name].Trend(from)
		allowed, unit := flatCount, 1.0
		if strings.HasSuffix(name, "memory") {
			allowed, unit = flatMemory+flatShare*trend.Mean, 1<<10
		}
		if strings.HasPrefix(name, part) {
			allowed, unit = math.Inf(1), 1<<10
		}
		allowed = max(allowed, flatNoise*trend.Noise)
		var quarters []string
		for _, mean := range r.series[name].Quarters(from) {
			quarters = append(quarters, fmt.Sprintf("%.1f", mean/unit))
		}
		t.Logf("%-34s mean %9.1f  rise %+8.1f  noise %8.1f  allowed %8.1f  quarters %s  (%d readings%s)", name, trend.Mean/unit,
			trend.Rise/unit, trend.Noise/unit, allowed/unit, strings.Join(quarters, " "), trend.Readings, map[bool]string{true: ", KiB"}[unit > 1])
		if strict && trend.Rise > allowed {
			t.Errorf("%s rose", name)
		}
		if trend.Readings < 2 {
			t.Errorf("%s was read %d times", name, trend.Readings)
		}
	}
}

// scrape gives what an admin listener tells Prometheus.
func scrape(t testing.TB, admin string) string {
	t.Helper()
	return string(testkit.HTTPClient(admin).Get(t, "/metrics").Body)
}

// sample gives the value of a metric without labels.
func sample(t testing.TB, page, name string) float64 {
	t.Helper()
	_, rest, found := strings.Cut(page, "\n"+name+" ")
	text, _, _ := strings.Cut(rest, "\n")
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !found {
		t.Fatalf("no %s in /metrics: %v", name, err)
	}
	return value
}

// soakLevel is what must be as before when nobody asks any more.
type soakLevel struct{ penknife, pythons, processes, goroutines int }

// level reads it.
func (v *versioned) level(t *testing.T, admin string) soakLevel {
	t.Helper()
	now := soakLevel{penknife: testkit.Descriptors(t, v.PID()), goroutines: int(sample(t, scrape(t, admin), "go_goroutines"))}
	for _, pid := range v.Pythons() {
		if entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
			now.pythons += len(entries)
			now.processes++
		}
	}
	return now
}

// awaitIdle gives the lowest level of a second in which it did not sink any more. The readings themselves take a descriptor
// and a goroutine now and then, and Go counts its goroutines without a lock, so that one that ends meanwhile may be missing
// once: lowest is what three readings gave.
func (v *versioned) awaitIdle(t *testing.T, admin string) soakLevel {
	t.Helper()
	var penknife, pythons, processes, goroutines thrice
	least, since := soakLevel{}, time.Now()
	testkit.Eventually(t, callTimeout, func() error {
		now := v.level(t, admin)
		lower := soakLevel{penknife.lowest(now.penknife), pythons.lowest(now.pythons), processes.lowest(now.processes),
			goroutines.lowest(now.goroutines)}
		if lower != least {
			least, since = lower, time.Now()
		}
		if time.Since(since) < time.Second {
			return fmt.Errorf("still sinking: %+v", least)
		}
		return nil
	})
	return least
}

// thrice counts how often each reading came.
type thrice struct{ times map[int]int }

// lowest notes a reading and gives the lowest of those that came three times, or this one while there is none.
func (r *thrice) lowest(reading int) int {
	if r.times == nil {
		r.times = map[int]int{}
	}
	r.times[reading]++
	least := reading
	found := false
	for value, n := range r.times {
		if n >= 3 && (!found || value < least) {
			least, found = value, true
		}
	}
	return least
}

// awaitLevel waits until nothing is above where it was.
func (v *versioned) awaitLevel(t *testing.T, admin string, before soakLevel) {
	t.Helper()
	v.awaitQuiet(t)
	testkit.Eventually(t, callTimeout, func() error {
		now := v.level(t, admin)
		if now.penknife > before.penknife || now.pythons > before.pythons || now.processes != before.processes ||
			now.goroutines > before.goroutines {
			return fmt.Errorf("%+v became %+v", before, now)
		}
		return nil
	})
}
