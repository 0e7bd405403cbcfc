package appcalls

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func frameOf(op operation, payload []byte) []byte {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	return slices.Concat(head, []byte{byte(op), 0, 0, 0}, payload)
}

// FuzzChannel: whatever a process writes into its channel, each call that came whole has one answer, in order, and
// nonsense ends the channel.
func FuzzChannel(f *testing.F) {
	set := entryOf(1, []string{"t"}, binary.LittleEndian.AppendUint32(nil, 1), blob("k"), blob("v"))
	f.Add(slices.Concat(frameOf(opSet, set), frameOf(opGet, blobs("k")), frameOf(opGet, blobs("k"))))
	f.Add(slices.Concat(frameOf(opGet, blobs("a")), frameOf(operation(255), nil), frameOf(opGet, blobs("a"))))
	f.Add([]byte{255, 255, 255, 255, byte(opGet), 0, 0, 0, 1})
	f.Add(frameOf(opGet, nil)[:7])
	service := New(Limits{Channels: 1, Value: 1 << 10}, Deps{
		Cache: &fakeCache{entries: map[string]Entry{}}, Log: slog.New(slog.DiscardHandler),
	})
	caller := service.Join("0")
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > 60<<10 {
			return // more than the socket holds before somebody reads
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := streamOf(os.NewFile(uintptr(pair[0]), "ours"))
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(pair[1]), "theirs")
		theirs, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		defer theirs.Close()
		go func() { // ends with the channel, which the end of what was sent ends
			(&channel{service: service, caller: caller, conn: ours}).serve()
			ours.Close()
		}()
		go func() { // ends with the socket
			theirs.Write(sent)
			theirs.(*net.UnixConn).CloseWrite()
		}()
		said, _ := io.ReadAll(theirs)
		calls := countFrames(sent)
		answers := 0
		for ; len(said) > 0; answers++ {
			if len(said) < headSize || int64(binary.LittleEndian.Uint32(said)) > int64(len(said)-headSize) {
				t.Fatalf("half an answer: %q", said)
			}
			state := status(said[4])
			said = said[headSize+int(binary.LittleEndian.Uint32(said)):]
			if state == 0 || state > lastStatus || state == statusNonsense && len(said) > 0 {
				t.Fatalf("status %v, then %q", state, said)
			}
			if state == statusNonsense {
				return
			}
		}
		if answers != calls {
			t.Errorf("%d answers to %d calls", answers, calls)
		}
	})
}

// countFrames tells how many whole calls there are.
func countFrames(sent []byte) (n int) {
	for ; len(sent) >= headSize; n++ {
		size := int64(binary.LittleEndian.Uint32(sent))
		if size > int64(len(sent)-headSize) {
			return n
		}
		sent = sent[headSize+int(size):]
	}
	return n
}
