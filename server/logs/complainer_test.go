package logs

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// Who has mended the disk hears that it was enough, and how many lines are missing in all.
func TestComplainerSaysWhenItWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		counted := 0
		c := newComplainer(func(text string, lines int, _ error) { said = append(said, text+" "+strconv.Itoa(lines)) },
			func(lines int) { counted += lines })
		full := errors.New("no space left")
		c.written()
		c.dropped(48, full)
		c.written() // one that found room, between others that do not
		c.dropped(100, full)
		c.dropped(55, full)
		<-time.After(complainEvery)
		c.written()
		c.written()
		want := []string{"not written 48", "written again; lost since the last message 155"}
		if !slices.Equal(said, want) || counted != 203 {
			t.Errorf("%d lost, said %q", counted, said)
		}
	})
}
