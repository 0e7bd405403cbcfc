package python_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// driver is a Python process with the accelerator's readers of shared memory in it, built with gcc's sanitizers
// (testdata/driver): it says what they make of bytes, and ends when they read one that they must not.
type driver struct {
	library string
	said    string // file with what it says on stderr
	process *exec.Cmd
	in      io.WriteCloser
	out     io.ReadCloser
}

func newDriver(tb testing.TB) *driver {
	tb.Helper()
	library, err := driverLibrary()
	if err != nil {
		tb.Fatal(err)
	}
	d := &driver{library: library, said: filepath.Join(tb.TempDir(), "said")}
	tb.Cleanup(d.end)
	d.begin(tb)
	return d
}

// driverDir is where the driver is built.
var driverDir string

func TestMain(m *testing.M) {
	var err error
	if driverDir, err = os.MkdirTemp("", "driver"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(driverDir)
	os.Exit(code)
}

// driverLibrary builds the driver for all tests.
var driverLibrary = sync.OnceValues(func() (string, error) {
	include, err := exec.Command("python3", "-c", "import sysconfig; print(sysconfig.get_path('include'))").Output()
	if err != nil {
		return "", err
	}
	library := filepath.Join(driverDir, "driver.so")
	args := []string{"-O1", "-g", "-fPIC", "-shared", "-fvisibility=hidden", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-error=deprecated-declarations",
		"-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-DPy_LIMITED_API=0x030A0000",
		"-isystem", strings.TrimSpace(string(include)), "-o", library}
	for _, pattern := range []string{"accel/*.c", "testdata/driver/*.c"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		args = append(args, slices.DeleteFunc(files, func(file string) bool { // the driver includes these two
			return file == "accel/environ.c" || file == "accel/peek.c"
		})...)
	}
	compile := exec.Command("cc", args...)
	compile.Env = append(os.Environ(), "LD_PRELOAD=")
	if out, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return library, nil
})

func (d *driver) begin(tb testing.TB) {
	tb.Helper()
	runtime, err := exec.Command("cc", "-print-file-name=libasan.so").Output()
	if err != nil {
		tb.Fatal(err)
	}
	d.process = exec.Command("python3", "-c", "import ctypes, sys; sys.exit(ctypes.PyDLL(sys.argv[1]).drive())", d.library)
	d.process.Env = append(os.Environ(), "LD_PRELOAD="+strings.TrimSpace(string(runtime)), "PYTHONMALLOC=malloc",
		"ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1", "UBSAN_OPTIONS=print_stacktrace=1")
	stderr, err := os.Create(d.said)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = stderr.Close() }()
	d.process.Stderr = stderr
	if d.in, err = d.process.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if d.out, err = d.process.StdoutPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := d.process.Start(); err != nil {
		tb.Fatal(err)
	}
}

func (d *driver) end() {
	_ = d.in.Close()
	_ = d.process.Wait()
}

// ask puts a question and gives the answer. When there is none the process has found something: the test fails with what
// it says, and the next question goes to another process.
func (d *driver) ask(t *testing.T, kind byte, number uint32, first, second []byte) []byte {
	t.Helper()
	question := binary.LittleEndian.AppendUint32([]byte{kind}, number)
	question = binary.LittleEndian.AppendUint32(question, uint32(len(first)))
	question = binary.LittleEndian.AppendUint32(question, uint32(len(second)))
	_, _ = d.in.Write(append(append(question, first...), second...)) // if it is gone, there is no answer
	answer, err := readPiece(d.out)
	if err != nil {
		d.end()
		said, _ := os.ReadFile(d.said)
		d.begin(t)
		t.Fatalf("%q, %d, %.400q, %.100q: no answer (%v)\n%s", kind, number, first, second, err, said)
	}
	return answer
}

// readPiece reads a size and as many bytes.
func readPiece(from io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, err
	}
	piece := make([]byte, binary.LittleEndian.Uint32(size[:]))
	_, err := io.ReadFull(from, piece)
	return piece, err
}

// environ is what the accelerator made of a var block.
type environ struct {
	refused string // the exception's type
	head    bool
	pairs   map[string]string // those whose value is a str; bytes, not UTF-8
}

// environ asks for what becomes of a block that is said to have declared bytes.
func (d *driver) environ(t *testing.T, block []byte, declared uint32) environ {
	t.Helper()
	answer := d.ask(t, 'E', declared, block, nil)
	rest := bytes.NewReader(answer[1:])
	if answer[0] == 0 {
		name, err := readPiece(rest)
		if err != nil {
			t.Fatal(err)
		}
		return environ{refused: string(name)}
	}
	head, _ := rest.ReadByte()
	found := environ{head: head == 1, pairs: map[string]string{}}
	for rest.Len() > 0 {
		key, err := readPiece(rest)
		if err != nil {
			t.Fatal(err)
		}
		value, err := readPiece(rest)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := found.pairs[string(key)]; twice {
			t.Fatalf("%q is there twice", key)
		}
		found.pairs[string(key)] = string(value)
	}
	return found
}

func (e environ) String() string {
	if e.refused != "" {
		return e.refused
	}
	return fmt.Sprintf("HEAD %v, %q", e.head, e.pairs)
}
