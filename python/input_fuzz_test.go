package python_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// FuzzInput: wsgi.input gives what is in the window, as far as it was produced and the body goes, or the part of the memory for
// bodies that is the body, or raises, whatever a worker that runs wild has written into the three numbers; it reads nothing else.
func FuzzInput(f *testing.F) {
	const all, line, lines, next = "\x00\xff\xff", "\x01\xff\xff", "\x02\xff\xff", "\x03\x00\x00"
	for _, calls := range []string{all, line + line + all, lines, next + next + next, "\x00\x03\x00" + "\x01\x02\x00" + all, "\x02\x01\x00" + all, "\x00\x00\x00" + "\x01\x00\x00"} {
		for _, numbers := range [][2]uint64{{14, 14}, {14, 5}, {5, 14}, {0, 9}, {100, 100}, {100, math.MaxUint64}} {
			for _, place := range []uint64{0, 1, 5, 9, 17, 18, math.MaxUint64} {
				f.Add([]byte("one\ntwo\n\nthree"), numbers[0], numbers[1], place, []byte(calls))
			}
		}
	}
	for _, length := range []uint64{math.MaxUint64, math.MaxInt64, math.MaxInt64 + 1, 1 << 45} {
		f.Add([]byte("one\ntwo"), length, length, uint64(0), []byte("\x00\x03\x00"+all))
		f.Add([]byte("one\ntwo"), length, length, uint64(3), []byte("\x00\x03\x00"+all))
	}
	d := newDriver(f)
	f.Fuzz(func(t *testing.T, window []byte, length, produced, place uint64, calls []byte) {
		if len(window) > 4096 || len(calls) > 300 {
			return
		}
		ring := 8
		for ring < len(window) {
			ring *= 2
		}
		m := inputModel{window: append(window[:len(window):len(window)], make([]byte, ring-len(window))...), length: length, produced: produced}
		memory := m.window
		m.lieAt(place)
		if m.endless() { // by lines it would be read until the request is given up
			calls = onlyReads(calls)
		}
		question := binary.LittleEndian.AppendUint64(nil, length)
		question = binary.LittleEndian.AppendUint64(question, produced)
		question = append(binary.LittleEndian.AppendUint64(question, place), calls...)
		rest := bytes.NewReader(d.ask(t, 'I', 0, memory, question))
		for ; len(calls) >= 3; calls = calls[3:] {
			m.compare(t, rest, calls[0], int(int16(binary.LittleEndian.Uint16(calls[1:]))))
		}
		if rest.Len() > 0 {
			t.Errorf("%d bytes more", rest.Len())
		}
	})
}

func onlyReads(calls []byte) (reads []byte) {
	for ; len(calls) >= 3; calls = calls[3:] {
		reads = append(reads, 0, calls[1], calls[2])
	}
	return reads
}

// inputModel is the body as the two numbers have it: the window again and again.
type inputModel struct {
	window           []byte
	length, produced uint64
	at               uint64
}

// lieAt makes it the body that begins at place - 1 of the same bytes; 0 leaves it as it is.
func (m *inputModel) lieAt(place uint64) {
	size := uint64(len(m.window))
	switch {
	case place == 0:
	case place-1 > size || m.length > size-(place-1):
		m.produced = 0 // every read that wants something fails
	default:
		rest := m.window[place-1:]
		m.window, m.produced = append(rest[:len(rest):len(rest)], make([]byte, size-uint64(len(rest)))...), m.length
	}
}

func (m *inputModel) endless() bool { return m.length > 1<<16 }

func (m *inputModel) left() uint64 { return m.length - m.at }

// take gives n bytes; false, with all that there is gone, when there are less.
func (m *inputModel) take(n uint64) ([]byte, bool) {
	if n > m.produced-m.at {
		m.at = m.produced
		return nil, false
	}
	taken := make([]byte, 0, n)
	for range n {
		taken = append(taken, m.window[m.at&uint64(len(m.window)-1)])
		m.at++
	}
	return taken, true
}

func (m *inputModel) read(size int) ([]byte, string) {
	want := m.left()
	if size >= 0 {
		want = min(want, uint64(size))
	}
	if want > 1<<30 {
		return nil, "any" // depends on how much memory there is
	}
	taken, ok := m.take(want)
	if !ok {
		return nil, "OSError"
	}
	return taken, ""
}

func (m *inputModel) line(size int) (line []byte, refused string) {
	want := m.left()
	if size >= 0 {
		want = min(want, uint64(size))
	}
	for ; want > 0 && !bytes.HasSuffix(line, []byte("\n")); want-- {
		one, ok := m.take(1)
		if !ok {
			return nil, "OSError"
		}
		line = append(line, one...)
	}
	return line, ""
}

func (m *inputModel) lines(hint int) ([]byte, string) {
	var list [][]byte
	for total := 0; m.left() > 0 && (hint <= 0 || total < hint); {
		line, refused := m.line(-1)
		if refused != "" {
			return nil, refused
		}
		list = append(list, line)
		total += len(line)
	}
	return bytes.Join(list, []byte("|")), ""
}

func (m *inputModel) call(which byte, size int) ([]byte, string) {
	switch {
	case which == 0:
		return m.read(size)
	case which == 1:
		return m.line(size)
	case which == 2:
		return m.lines(size)
	case m.left() > 0:
		return m.line(-1)
	}
	return nil, "StopIteration"
}

// compare reads one part of the answer.
func (m *inputModel) compare(t *testing.T, rest *bytes.Reader, which byte, size int) {
	t.Helper()
	before := m.at
	want, refused := m.call(which, size)
	gave, err := rest.ReadByte()
	if err != nil {
		t.Fatal(err)
	}
	got, err := readPiece(rest)
	if err != nil {
		t.Fatal(err)
	}
	if refused == "any" && gave == 0 {
		if string(got) == "OSError" { // the memory was there, the bytes were not
			m.at = m.produced
		}
		return
	}
	if gave == 1 && (refused != "" || !bytes.Equal(got, want)) || gave == 0 && string(got) != refused {
		t.Fatalf("call %d(%d) at %d of %d, %d: %d %.200q, not %.200q %s", which, size, before, m.length, m.produced, gave, got, want, refused)
	}
}
