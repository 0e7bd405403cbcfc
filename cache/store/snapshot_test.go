package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// snapshotOf gives the bytes of a snapshot.
func snapshotOf(t testing.TB, s *Store) []byte {
	t.Helper()
	var out bytes.Buffer
	n, err := s.WriteTo(&out)
	if err != nil || n != int64(out.Len()) {
		t.Fatal(n, out.Len(), err)
	}
	return out.Bytes()
}

func TestSnapshotKeepsEverything(t *testing.T) {
	clock := newClock()
	with := func(o *Options) { o.Now = clock.Now }
	s := newStore(t, 1<<20, with)
	mustSet(t, s, "forever", "v\x00", "red", "blue")
	mustSet(t, s, "", "the empty key")
	if err := s.Set("hour", &Item{Value: nil, Expires: clock.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("second", &Item{Value: []byte("v"), Expires: clock.Now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	copied := newStore(t, 1<<20, with)
	mustSet(t, copied, "later", "new")
	mustSet(t, s, "later", "old")
	data := snapshotOf(t, s)
	clock.advance(time.Second)
	rest := strings.NewReader(string(data) + "rest")
	if n, err := copied.ReadFrom(rest); n != int64(len(data)) || err != nil || rest.Len() != 4 {
		t.Fatal(n, err, rest.Len())
	}
	for _, key := range []string{"forever", "", "hour"} {
		want, _ := s.Get(key)
		got, ok := copied.Get(key)
		if !ok || !bytes.Equal(got.Value, want.Value) || fmt.Sprint(got.Tags) != fmt.Sprint(want.Tags) ||
			!got.Expires.Equal(want.Expires) || !got.Stored.Equal(want.Stored) {
			t.Errorf("%q: %+v, want %+v", key, got, want)
		}
	}
	expect(t, copied, "second", "")
	expect(t, copied, "later", "new")
	if n, _ := copied.PurgeTag("blue"); n != 1 {
		t.Error("the tags are gone")
	}
	if bytes.Contains(snapshotOf(t, s), []byte("second")) {
		t.Error("wrote what has expired")
	}
}

// TestSnapshotDamaged cuts a snapshot at each byte and changes each of its bytes.
func TestSnapshotDamaged(t *testing.T) {
	s := newStore(t, 1<<20, nil)
	mustSet(t, s, "key", "value", "tag")
	data := snapshotOf(t, s)
	fresh := newStore(t, 1<<20, nil)
	for i := range data {
		for name, damaged := range map[string][]byte{
			"cut": data[:i], "changed": append(append(bytes.Clone(data[:i]), data[i]^0x10), data[i+1:]...),
		} {
			if _, err := fresh.ReadFrom(bytes.NewReader(damaged)); !errors.Is(err, ErrSnapshot) {
				t.Fatalf("%s at %d: %v", name, i, err)
			}
		}
	}
	if got := fresh.Stats(); got.Items != 0 {
		t.Fatalf("took something of it: %+v", got)
	}
	other := newStore(t, 1<<20, func(o *Options) { o.Namespace = "htt" })
	if _, err := other.ReadFrom(bytes.NewReader(data)); !errors.Is(err, ErrSnapshot) {
		t.Fatal(err)
	}
}

// TestSnapshotIntoLess keeps the most useful items when the new limit is smaller.
func TestSnapshotIntoLess(t *testing.T) {
	s := newStore(t, 8<<20, nil)
	for i := range 4000 {
		mustSet(t, s, fmt.Sprint("k", i), strings.Repeat("x", 1000))
	}
	for range 20 {
		for i := range 100 {
			s.Get(fmt.Sprint("k", i*7))
		}
	}
	small := newStore(t, 1<<20, func(o *Options) { o.MaxItem = 20_000 })
	large := strings.Repeat("x", 100_000)
	mustSet(t, s, "large", large)
	if _, err := small.ReadFrom(bytes.NewReader(snapshotOf(t, s))); err != nil {
		t.Fatal(err)
	}
	got := small.Stats()
	if got.Bytes > 1<<20 || got.Bytes < 1<<20*7/10 {
		t.Errorf("%+v", got)
	}
	kept := 0
	for i := range 100 {
		if _, ok := small.Get(fmt.Sprint("k", i*7)); ok {
			kept++
		}
	}
	if kept < 80 {
		t.Errorf("kept %d of 100 that were asked for", kept)
	}
	expect(t, small, "large", "")
}

func TestSnapshotAnnouncesMuch(t *testing.T) {
	s := newStore(t, 4<<30, func(o *Options) { o.MaxItem = maxItem })
	data := append([]byte(snapshotMagic+"\x03app"), 0, 0, 0, 1, 0x3f, 0xff, 0xff, 0xff, 'k')
	before := heap()
	if _, err := s.ReadFrom(bytes.NewReader(data)); !errors.Is(err, ErrSnapshot) {
		t.Fatal(err)
	}
	if took := int64(heap()) - int64(before); took > 1<<20 {
		t.Errorf("took %d bytes for a gigabyte that never came", took)
	}
}

func TestSnapshotFile(t *testing.T) {
	path := filepath.Join(testkit.Dir(t), "cache")
	one, two := newStore(t, 1<<20, nil), newStore(t, 1<<20, func(o *Options) { o.Namespace = "http" })
	mustSet(t, one, "k", "one")
	mustSet(t, two, "k", "two")
	if err := os.WriteFile(path+".new", []byte("left by a crash"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := SaveFile(path, one, two); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	log := &testkit.Buffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	fresh, other := newStore(t, 1<<20, nil), newStore(t, 1<<20, func(o *Options) { o.Namespace = "http" })
	LoadFile(path, logger, fresh, other)
	expect(t, fresh, "k", "one")
	expect(t, other, "k", "two")
	if names := list(t, path); names != "" {
		t.Errorf("left: %s", names)
	}
	LoadFile(path, logger, fresh, other)
	if log.Count("level=WARN") != 0 || log.Count("items=2") != 1 {
		t.Errorf("log: %s", log.String())
	}
}

// TestSnapshotOfOtherStores has a cache that was switched on, and one that was switched off.
func TestSnapshotOfOtherStores(t *testing.T) {
	app, http := newStore(t, 1<<20, nil), newStore(t, 1<<20, func(o *Options) { o.Namespace = "http" })
	mustSet(t, app, "k", "app")
	mustSet(t, http, "k", "http")
	for wanted, change := range map[string]func(*Options){
		"app": nil, "http": func(o *Options) { o.Namespace = "http" }, "": func(o *Options) { o.Namespace = "other" },
	} {
		var both bytes.Buffer
		if err := SaveTo(&both, app, http); err != nil {
			t.Fatal(err)
		}
		s := newStore(t, 1<<20, change)
		if _, err := LoadFrom(&both, s); err != nil {
			t.Fatal(err)
		}
		expect(t, s, "k", wanted)
	}
	if n, err := LoadFrom(&bytes.Buffer{}, app); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

// TestSnapshotFileRefused has files that must not be used.
func TestSnapshotFileRefused(t *testing.T) {
	source := newStore(t, 1<<20, nil)
	mustSet(t, source, "k", "v")
	good := snapshotOf(t, source)
	for name, prepare := range map[string]func(path string) error{
		"damaged":     func(path string) error { return os.WriteFile(path, good[:len(good)-1], 0o600) },
		"longer":      func(path string) error { return os.WriteFile(path, append(bytes.Clone(good), 0), 0o600) },
		"twice":       func(path string) error { return os.WriteFile(path, append(bytes.Clone(good), good...), 0o600) },
		"of everyone": func(path string) error { return errors.Join(os.WriteFile(path, good, 0o600), os.Chmod(path, 0o666)) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link": func(path string) error {
			return errors.Join(os.WriteFile(path+".target", good, 0o600), os.Symlink(path+".target", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(testkit.Dir(t), "cache")
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			log := &testkit.Buffer{}
			s := newStore(t, 1<<20, nil)
			LoadFile(path, slog.New(slog.NewTextHandler(log, nil)), s)
			expect(t, s, "k", "")
			if log.Count("level=WARN") != 1 || log.Count("the cache starts empty") != 1 {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestSnapshotFileCannotBeWritten(t *testing.T) {
	dir := testkit.Dir(t)
	path := filepath.Join(dir, "cache")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, 1<<20, nil)
	if err := SaveFile(path, s); err == nil {
		t.Fatal("wrote a file over a directory")
	}
	if names := list(t, path); names != "cache" {
		t.Errorf("left: %s", names)
	}
	if err := SaveFile(filepath.Join(dir, "none", "cache"), s); err == nil {
		t.Fatal("wrote into a directory that is not there")
	}
}

func TestNoSnapshotOfWhatIsShared(t *testing.T) {
	redis := testkit.StartRedis(t)
	n := newNode(t, redis.URL(), nil)
	if _, err := n.WriteTo(&bytes.Buffer{}); !errors.Is(err, ErrShared) {
		t.Fatal(err)
	}
	if _, err := n.ReadFrom(&bytes.Buffer{}); !errors.Is(err, ErrShared) {
		t.Fatal(err)
	}
}

// list gives the names in the directory of a file.
func list(t testing.TB, path string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return strings.Join(names, " ")
}
