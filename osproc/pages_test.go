package osproc

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const smaps = `00400000-0136f000 r-xp 00000000 fe:00 10059942                           /usr/bin/penknife
Rss:               10012 kB
Anonymous:             0 kB
0136f000-024c9000 r--p 00f6f000 fe:00 10059942                           /usr/bin/penknife
Rss:               10888 kB
Anonymous:             4 kB
024c9000-025fb000 rw-p 020c9000 fe:00 10059942                           /usr/bin/penknife
Anonymous:             0 kB
025fb000-0262b000 r--p 00000000 00:00 0 
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 77                         /usr/lib/other/usr/bin/penknife
Anonymous:             0 kB
7f0000002000-7f0000003000 r--p 00000000 fe:00 10059942                   /usr/bin/penknife
Anonymous:             0 kB
`

// TestUnchangedParts: what can be written, what the loader has changed, and what is not the program's stays.
func TestUnchangedParts(t *testing.T) {
	got := unchangedParts(strings.NewReader(smaps), "/usr/bin/penknife")
	want := []addresses{{0x400000, 0x136f000}, {0x7f0000002000, 0x7f0000003000}}
	if !slices.Equal(got, want) {
		t.Errorf("%x", got)
	}
}

// TestDropStartPages: the program has parts that can be dropped, and goes on without them.
func TestDropStartPages(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if parts := unchangedParts(strings.NewReader(string(maps)), program); len(parts) == 0 {
		t.Errorf("none in %s", maps)
	}
	if err := DropStartPages(); err != nil {
		t.Error(err)
	}
}

// TestUnchangedParts_HardlyAllocates: a list of many mappings is read while requests are served.
func TestUnchangedParts_HardlyAllocates(t *testing.T) {
	maps := strings.Repeat(smaps, 100)
	few := testing.AllocsPerRun(10, func() { unchangedParts(strings.NewReader(smaps), "/usr/bin/other") })
	many := testing.AllocsPerRun(10, func() { unchangedParts(strings.NewReader(maps), "/usr/bin/other") })
	if many > few {
		t.Errorf("%v allocations for 600 mappings, %v for 6", many, few)
	}
}
