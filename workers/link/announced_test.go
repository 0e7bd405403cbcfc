package link

import (
	"errors"
	"io"
	"os"
	"testing"

	"penknife/gateway"
)

// TestFile_TimeCountsFromTheEndOfTheAnswer: the application may take as long as workers.request_timeout before it gives a
// file, and the scanner may look between its end and the arrival of the descriptor, which comes by another way.
func TestFile_TimeCountsFromTheEndOfTheAnswer(t *testing.T) {
	for _, comes := range []bool{true, false} {
		s := besiege(t)
		one := s.submit()
		position := one.position
		one.state.Store(stateWord(position, 0, stateClaimed))
		s.q.scanOnce(s.now)
		s.now = s.now.Add(2 * announcedFile)
		one.status.Store(200)
		one.respLen.Store(1)
		one.flags.Store(flagFile)
		one.phase.Store(phaseHead)
		one.state.Store(stateWord(position, 0, stateDone))
		for range 5 {
			s.q.scanOnce(s.now)
			s.now = s.now.Add(scanInterval)
		}
		s.mu.Lock()
		if len(s.doomed) > 0 {
			t.Errorf("the worker was reported within %v of its answer's end", 5*scanInterval)
		}
		s.mu.Unlock()
		if comes {
			file, err := os.Open("testdata/app.py")
			if err != nil {
				t.Fatal(err)
			}
			s.q.ReceiveFile(0, uint32(one.index), position, file)
		}
		err := s.endures(nil)
		if comes != errors.Is(err, io.EOF) || !comes && gateway.KindOf(err) != gateway.KindWorkerDied {
			t.Errorf("the file comes %v: %v", comes, err)
		}
		s.close()
	}
}
