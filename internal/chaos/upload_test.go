package chaos

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// uploadGrowth is how much penknife and its Python processes together may grow while they take a body of any size.
const uploadGrowth = 100 << 20

// TestLargeUploads is scenario 14: 2 GB to each front under load. The application reads the bytes that were sent, memory grows
// by less than 100 MB, and the body's file has no name at any moment, so that no kill -9 can leave one behind (which
// TestServerKilled tries), and is closed afterwards. The others do not notice.
func TestLargeUploads(t *testing.T) {
	t.Parallel() // it measures no time
	size := int64(rounds(192, 2048)) << 20
	a := begin(t, setup{processes: 3, limits: "  body: 4GiB\n"})
	before := a.memory(t)
	a.inject(func() {
		for _, c := range a.Fronts() {
			peak := a.upload(t, c, size)
			t.Logf("%s: %d MiB; memory: %d MiB, at most %d MiB", c.Name, size>>20, before>>20, peak>>20)
			if peak-before > uploadGrowth {
				t.Errorf("%s: memory grew by %d MiB", c.Name, (peak-before)>>20)
			}
		}
	})
	a.end(t, criterion{slowest: 5 * time.Second, moved: map[string]float64{starts: 0}})
}

// upload sends a body, compares what the application makes of it, and gives the most memory that was seen meanwhile.
func (a *arena) upload(t *testing.T, c testkit.Client, size int64) (peak int64) {
	t.Helper()
	number, sum, block := a.number(), sha256.New(), pattern("upload", 1<<20)
	exchange, err := c.Send(testkit.Call{Method: "POST", Target: "/upload?id=" + number, Headers: []string{fmt.Sprintf("Content-Length: %d", size)}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	_ = exchange.SetDeadline(time.Now().Add(2 * time.Minute))
	for at := int64(0); at < size; at += int64(len(block)) {
		binary.LittleEndian.PutUint64(block, uint64(at)) // no block is like another
		sum.Write(block)
		if _, err := exchange.Write(block); err != nil {
			t.Fatal(err)
		}
		if at%(32<<20) == 0 {
			peak = max(peak, a.memory(t))
		}
		if at == size/2 {
			a.nameless(t)
		}
	}
	answer, err := exchange.Receive()
	want := fmt.Sprintf("%s %d %s\n", number, size, hex.EncodeToString(sum.Sum(nil)))
	if err != nil || answer.Status != 200 || string(answer.Body) != want {
		t.Errorf("%s: %d %.200q, %v; want %q", c.Name, answer.Status, answer.Body, err, want)
	}
	return max(peak, a.memory(t))
}

// nameless makes sure that there is a spooled body, and that it has no name. The load has some, too, for moments.
func (a *arena) nameless(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, 5*time.Second, func() error {
		now := a.Footprint(t)
		if now.Unlinked <= a.before.Unlinked {
			return errors.New("the body is in no file without a name")
		}
		if now.Files > 0 {
			t.Errorf("%d spooled bodies have names", now.Files)
		}
		return nil
	})
}

// memory is what penknife and its Python processes have together.
func (a *arena) memory(t *testing.T) (total int64) {
	t.Helper()
	for _, pid := range a.Everything() {
		total += testkit.PSS(t, pid)
	}
	return total
}
