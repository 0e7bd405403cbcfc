package link

import (
	"runtime"
	"testing"
	"time"
)

// TestKeeper_LetsTheCollectorStopIt: a collection stops every goroutine, the keeper's too, and everything waits for it.
func TestKeeper_LetsTheCollectorStopIt(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	var k Keeper
	k.Hold()
	start := time.Now()
	for range 20 {
		runtime.GC()
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("20 collections took %v", took)
	}
	k.Release()
	k.Wait()
}
