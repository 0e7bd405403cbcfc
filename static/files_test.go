package static

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"penknife/configs"
	"penknife/gateway"
)

// deploySite has a root that is a link, as deploy tools make it.
func deploySite(t *testing.T) *site {
	root := t.TempDir()
	for name, text := range map[string]string{"v1/a.txt": "one", "v2/a.txt": "two", "v2/new.txt": "new"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("v1", filepath.Join(root, "current")); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, nil, func(c *configs.Static) { c.Root = filepath.Join(root, "current") })
	s.root = root
	return s
}

func TestDeployBySwitchingTheRoot(t *testing.T) {
	s := deploySite(t)
	s.expect("/static/a.txt", 200, "one")
	s.expect("/static/a.txt", 200, "one")
	if s.count[FromMemory] != 1 {
		t.Fatalf("not held: %v", s.count)
	}
	s.expect("/static/new.txt", 404, "")
	next := filepath.Join(s.root, "next")
	if err := os.Symlink("v2", next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(s.root, "current")); err != nil {
		t.Fatal(err)
	}
	s.expect("/static/a.txt", 200, "two")
	s.expect("/static/new.txt", 200, "new")
}

func TestChangesOnDiskShowAtOnce(t *testing.T) {
	for name, pad := range map[string]string{"small": "", "large": strings.Repeat("x", maxHeld)} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, map[string]string{"a.txt": pad + "first"}, nil)
			target, path := "/static/a.txt", filepath.Join(s.root, "a.txt")
			s.expect(target, 200, pad+"first")
			s.write("a.txt", pad+"second one")
			s.expect(target, 200, pad+"second one")
			s.write("b.txt", pad+"third")
			if err := os.Rename(filepath.Join(s.root, "b.txt"), path); err != nil {
				t.Fatal(err)
			}
			s.expect(target, 200, pad+"third")
			if err := os.Truncate(path, 2); err != nil {
				t.Fatal(err)
			}
			s.expect(target, 200, (pad + "third")[:2])
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			s.expect(target, 404, "")
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			s.expect(target, 404, "")
			s.write("a.txt/index.html", "dir")
			s.expect(target, 301, "")
			if held := s.HeldBytes(); name == "small" && held > 2000 {
				t.Errorf("%d bytes are held of files that are gone", held)
			}
		})
	}
}

// TestSameSizeSameTick writes contents of one size as fast as it can: no answer may be older than the last write.
func TestSameSizeSameTick(t *testing.T) {
	s := newSite(t, map[string]string{"a.txt": "000"}, nil)
	s.mounts[0].settle = settleTime
	for i := range 300 {
		want := fmt.Sprintf("%03d", i)
		s.write("a.txt", want)
		s.expect("/static/a.txt", 200, want)
	}
}

// TestWhatMayChangeUnseenIsNotHeld: newer kernels have finer clocks than the one that settleTime is for.
func TestWhatMayChangeUnseenIsNotHeld(t *testing.T) {
	now := time.Now()
	id := identity{changed: now.Add(-settleTime + time.Millisecond).UnixNano()}
	if id.settled(now, settleTime) || !id.settled(now.Add(2*time.Millisecond), settleTime) {
		t.Error("settled at another moment than after settleTime")
	}
	s := newSite(t, map[string]string{"a.txt": "a"}, nil)
	s.mounts[0].settle = time.Hour
	s.expect("/static/a.txt", 200, "a")
	if s.HeldBytes() != 0 {
		t.Error("a file of this moment is held")
	}
}

// TestFileThatChangesWhileItIsRead must not become an answer that is half of each.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	s := newSite(t, map[string]string{"a.txt": "abc"}, nil)
	f, err := os.Open(filepath.Join(s.root, "a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // a test
	id, err := lookAt(f.Fd())
	if err != nil {
		t.Fatal(err)
	}
	if one := (&file{id: id}); !one.readContent(f) || string(one.content) != "abc" {
		t.Fatal("a file that stays is not read")
	}
	before := id
	before.modified--
	for _, was := range []identity{before, {size: 4}} {
		if one := (&file{id: was}); one.readContent(f) || one.compressContent(f) || one.content != nil {
			t.Error("a file that was another one before is taken for the same")
		}
	}
}

// TestNoDescriptorIsLeft asks for large files in all ways that do not send them.
func TestNoDescriptorIsLeft(t *testing.T) {
	s := newSite(t, map[string]string{"l.bin": strings.Repeat("x", maxHeld+1)}, func(c *configs.Static) { c.Memory = 0 })
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := open()
	for range 50 {
		s.get("/static/l.bin", "If-None-Match: *")
		s.get("/static/l.bin", `If-Match: "x"`)
		s.get("/static/l.bin", "Range: bytes=999999-")
		s.get("/static/l.bin", "Range: bytes=1-2,4-5")
		s.do(request("HEAD", "/static/l.bin"))
	}
	if after := open(); after > before+5 {
		t.Errorf("%d descriptors more", after-before)
	}
}

func TestFileThatSettledIsHeld(t *testing.T) {
	s := newSite(t, map[string]string{"a.txt": "a"}, nil)
	s.mounts[0].settle = settleTime
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.count[FromMemory] == 0 {
		s.expect("/static/a.txt", 200, "a")
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("never held")
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	files := map[string]string{"big.bin": strings.Repeat("b", 30000)}
	for i := range 60 {
		files[fmt.Sprintf("f%02d.txt", i)] = strings.Repeat("x", 1000)
	}
	s := newSite(t, files, func(c *configs.Static) { c.Memory = 20000 })
	for round := range 3 {
		for i := range 60 {
			s.expect("/static/f00.txt", 200, files["f00.txt"])
			s.expect(fmt.Sprintf("/static/f%02d.txt", i), 200, files["f00.txt"])
			if held := s.HeldBytes(); held > 20000 {
				t.Fatalf("round %d: %d bytes", round, held)
			}
		}
	}
	if got := s.expect("/static/big.bin", 200, files["big.bin"]); got.isWhole {
		t.Error("a file larger than all memory is held")
	}
	if s.count[FromMemory] < 178 {
		t.Errorf("the file that everybody asks for is not kept: %v", s.count)
	}
	s.checkMemory()
	none := newSite(t, files, func(c *configs.Static) { c.Memory = 0 })
	none.expect("/static/f00.txt", 200, files["f00.txt"])
	if got := none.expect("/static/f00.txt", 200, files["f00.txt"]); !got.isFile || none.HeldBytes() != 0 {
		t.Errorf("with no memory: %d bytes held", none.HeldBytes())
	}
}

// checkMemory walks the list and compares it with the map and the sum.
func (s *site) checkMemory() {
	s.t.Helper()
	m := &s.mounts[0].memory
	var sum int64
	count := 0
	for f := m.oldest; f != nil; f = f.newer {
		sum += f.cost()
		count++
		if m.files[f.key] != f || f.newer != nil && f.newer.older != f || f.newer == nil && m.newest != f {
			s.t.Fatalf("the list is broken at %s", f.key)
		}
	}
	if sum != m.size.Load() || count != len(m.files) {
		s.t.Errorf("%d files with %d bytes in the list, %d with %d in the map", count, sum, len(m.files), m.size.Load())
	}
}

func TestManyAtOnce(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("%d.txt", i)] = strings.Repeat(fmt.Sprint(i%10), 700)
	}
	s := newSite(t, files, func(c *configs.Static) { c.Memory = 12000 })
	s.mounts[0].counter = nil
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 400 {
				name := fmt.Sprintf("%d.txt", (i*7+g)%20)
				if got := s.get("/static/" + name); got.body != files[name] {
					t.Errorf("%s: %.20q", name, got.body)
				}
			}
		})
	}
	group.Wait()
	s.checkMemory()
}

// TestLater: what is in memory is answered at once, and so is what the front end sends from a file; what has to be
// read is answered later.
func TestLater(t *testing.T) {
	s := newSite(t, map[string]string{"small.txt": "small", "large.bin": strings.Repeat("x", maxHeld+1)}, nil)
	type answer struct {
		resp *gateway.Response
		err  error
	}
	ask := func(target string) (now *gateway.Response, later chan answer) {
		later = make(chan answer, 1)
		r := request("GET", target)
		r.Later = func(resp *gateway.Response, err error) { later <- answer{resp, err} }
		now, err := s.Serve(r)
		if err != nil && !errors.Is(err, gateway.ErrPending) || (now == nil) != (err != nil) {
			t.Fatalf("%s: %v, %v", target, now, err)
		}
		return now, later
	}
	now, later := ask("/static/small.txt")
	if now != nil {
		t.Fatal("a file that is not in memory was read while the caller waited")
	}
	if got := <-later; got.err != nil || string(got.resp.Whole) != "small" {
		t.Errorf("later: %v", got.err)
	}
	if now, _ = ask("/static/small.txt"); now == nil || string(now.Whole) != "small" {
		t.Error("a file in memory is not answered at once")
	}
	now, _ = ask("/static/large.bin")
	if now == nil || now.File == nil {
		t.Fatal("a large file is not answered at once")
	}
	now.Body.CloseWithError(nil)
	if now, _ = ask("/static/none"); now == nil || now.Status != 404 {
		t.Error("a miss is not answered at once")
	}
}

func TestFileThatIsForbidden(t *testing.T) {
	s := newSite(t, nil, nil)
	got, err := (&visit{m: s.mounts[0], r: request("GET", "/static/x")}).trouble(os.ErrPermission)
	if err != nil || got.Status != 404 {
		t.Errorf("%v, %v", got, err)
	}
	_, err = (&visit{m: s.mounts[0], r: request("GET", "/static/x")}).trouble(errors.New("input/output error"))
	if gateway.KindOf(err) != gateway.KindInternal || s.count[Failed] != 1 {
		t.Errorf("%v, %v", err, s.count)
	}
}

func TestOutcomesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for i, name := range Outcomes() {
		if (name == "") != (i == 0) || seen[name] || i > 0 && Outcome(i).String() != name {
			t.Errorf("outcome %d is called %q", i, name)
		}
		seen[name] = true
	}
	if Outcome(0).String() != "unknown" || Outcome(99).String() != "unknown" {
		t.Error("numbers that are no outcome have a name")
	}
	for c := codingBrotli; c <= codingPlain; c++ {
		if c.String() == "unknown" || (c.suffix() == "") != (c == codingPlain) {
			t.Errorf("coding %d is called %q", c, c)
		}
	}
}

func TestServeFromMemoryAllocatesLittle(t *testing.T) {
	s := newSite(t, map[string]string{"a.txt": "a"}, nil)
	s.expect("/static/a.txt", 200, "a")
	r := request("GET", "/static/a.txt", "User-Agent: x", "Accept: */*")
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := s.Serve(r); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkServeFromMemory(b *testing.B) {
	s := newSite(b, map[string]string{"a.txt": strings.Repeat("a", 1024)}, nil)
	s.mounts[0].counter = nil
	r := request("GET", "/static/a.txt", "User-Agent: x", "Accept: */*", "Accept-Encoding: gzip, deflate, br, zstd")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Serve(r); err != nil {
			b.Fatal(err)
		}
	}
}

// TestConfirmedForAMoment: within confirmFor the disk is not asked again, and after it always.
func TestConfirmedForAMoment(t *testing.T) {
	s := newSite(t, map[string]string{"a.txt": "one"}, nil)
	s.expect("/static/a.txt", 200, "one")
	s.mounts[0].confirmFor = time.Hour
	s.expect("/static/a.txt", 200, "one") // confirmed now
	s.write("a.txt", "three")
	s.expect("/static/a.txt", 200, "one")
	s.mounts[0].confirmFor = 0
	s.expect("/static/a.txt", 200, "three")
	if confirmFor > 100*time.Microsecond {
		t.Errorf("%v is long enough for a client to see an old file", confirmFor)
	}
}
