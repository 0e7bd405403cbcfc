package python_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
)

// Offsets of python/accel/layout.h, which TestLayoutMatchesHeader of workers/link compares with Go's side.
const (
	geometryVersion = 4 // PK_VERSION

	geometryU32   = 28 // behind the last u32 but PK_H_GO_PID; the first is PK_H_VERSION
	geometrySize  = 128
	geometryTotal = 1 << 20
)

// goodGeometry is that of a queue with 4 slots for 2 workers with 3 threads, with gaps between the parts.
func goodGeometry() []byte {
	g := make([]byte, geometrySize)
	binary.LittleEndian.PutUint64(g, 0x31454649464b4e50)
	for offset, value := range map[int]uint32{8: geometryVersion, 12: 4, 16: 2, 20: 3, 24: 8, 28: 100, 120: 1} {
		binary.LittleEndian.PutUint32(g[offset:], value)
	}
	for offset, value := range map[int]uint64{
		32: 4096, 40: 8192, 48: 4096, 56: 8192, // areas of 24 KiB
		64: 4096, 72: 8192, 80: 12288, 88: 16384, 96: 20480, 104: 24576, 112: geometryTotal,
	} {
		binary.LittleEndian.PutUint64(g[offset:], value)
	}
	return g
}

func (d *driver) geometry(t *testing.T, g []byte, memory uint32) (refused string) {
	t.Helper()
	answer := d.ask(t, 'G', memory, g, nil)
	if answer[0] == 1 {
		return ""
	}
	return string(answer[1:])
}

// TestGeometry: a process maps the queue's memory only if all parts that it is told of lie in it, behind each other.
func TestGeometry(t *testing.T) {
	d := newDriver(t)
	if refused := d.geometry(t, goodGeometry(), geometryTotal); refused != "" {
		t.Fatalf("a good one: %s", refused)
	}
	const version, size, fits = "another layout", "unexpected size", "does not fit"
	for name, row := range map[string]struct {
		offset int
		value  uint64
		want   string
	}{
		"magic": {0, 1, version}, "total": {112, geometryTotal + 8, size}, "no slots": {12, 2 << 32, fits}, "slots": {12, 2<<32 | 50, fits},
		"most slots": {12, 2<<32 | 0xffffffff, fits}, "no workers": {16, 3 << 32, fits}, "lanes": {16, 3<<32 | 1000, fits},
		"lanes that wrap": {16, 1<<63 | 2, fits}, "no ring": {24, 100 << 32, fits}, "ring": {24, 100<<32 | 7, fits}, "long ring": {24, 100<<32 | 1024, fits},
		"window": {40, 8191, fits}, "no window": {40, 0, fits}, "answers": {56, 1 << 63, fits}, "variables": {32, 1 << 62, fits},
		"head": {48, ^uint64(0), fits}, "lanes in the header": {64, 64, fits}, "odd lanes": {64, 4097, fits}, "lanes over workers": {64, 8000, fits},
		"ring behind the end": {80, geometryTotal, fits}, "events first": {88, 4096, fits}, "areas": {104, geometryTotal - 4*24<<10 + 8, fits},
		"far areas": {104, ^uint64(7), fits},
	} {
		g := goodGeometry()
		binary.LittleEndian.PutUint64(g[row.offset:], row.value)
		if refused := d.geometry(t, g, geometryTotal); !strings.Contains(refused, row.want) {
			t.Errorf("%s: %q, want %q", name, refused, row.want)
		}
	}
	for _, memory := range []uint32{0, 4095, 4096, geometryTotal - 4096, geometryTotal + 4096} {
		if d.geometry(t, goodGeometry(), memory) == "" {
			t.Errorf("it fits into %d bytes", memory)
		}
	}
}

// TestGeometry_Random: the driver ends when a part of what was mapped is not there.
func TestGeometry_Random(t *testing.T) {
	d := newDriver(t)
	chance := rand.New(rand.NewPCG(1, 2))
	values := []uint64{0, 1, 2, 7, 8, 64, 4096, 1 << 16, 1 << 20, 1<<20 - 8, 1 << 31, 1 << 32, 1 << 61, 1 << 63, ^uint64(0), ^uint64(7)}
	mapped := 0
	for range 5000 {
		g := goodGeometry()
		for range 1 + chance.IntN(3) {
			value := values[chance.IntN(len(values))] + uint64(chance.IntN(3))
			if at := 8 + chance.IntN(26)*4; at <= geometryU32 {
				binary.LittleEndian.PutUint32(g[at:], uint32(value))
			} else {
				binary.LittleEndian.PutUint64(g[at/8*8:], value)
			}
		}
		if d.geometry(t, g, geometryTotal) == "" {
			mapped++
		}
	}
	t.Logf("%d of 5000 were mapped", mapped)
	if mapped < 50 {
		t.Errorf("%d of 5000 were mapped: it tries nothing", mapped)
	}
}
