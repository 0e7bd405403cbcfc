package repocheck

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// datesOnly is what reads the date in C and in Python, by what waits or measures with it.
var datesOnly = regexp.MustCompile(`CLOCK_REALTIME|gettimeofday|\btime\((NULL|0|&)|pthread_cond_timedwait|sem_timedwait|\btime\.time(_ns)?\(|datetime\.(now|utcnow)\(`)

// TestWorkersMeasureWithTheMonotonicClock: somebody may set the machine's clock; no time limit and no age may go by it.
func TestWorkersMeasureWithTheMonotonicClock(t *testing.T) {
	permitted := map[string]int{"metrics.py": 1} // set_to_current_time is a date
	looked := 0
	for _, pattern := range []string{"../../python/accel/*.[ch]", "../../python/penknife/*.py"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			looked++
			if found := datesOnly.FindAllString(string(text), -1); len(found) != permitted[filepath.Base(file)] {
				t.Errorf("%s reads the date: %q", file, found)
			}
		}
	}
	if looked < 20 {
		t.Errorf("only %d files were looked at", looked)
	}
}
