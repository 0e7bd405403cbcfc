package rewrite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// accelSources are the files of python/accel that take part: the queue, bodies both ways, the loop of a lane, interruption.
var accelSources = []string{"queue.c", "body.c", "util.c", "worker.c", "interrupt.c", "input.c"}

// renamed are functions of the kernel, and one that the compiler's instrumentation does not see.
var renamed = []string{"syscall", "write", "kill", "sched_yield", "clock_gettime", "mmap", "fstat", "memcpy"}

// Accel builds worker libraries out of the accelerator's sources.
type Accel struct {
	Root, Out string // of the repository; where objects go
	include   string
	objects   map[string]string // by source
}

// Build compiles everything once. It needs cc, and the headers of the python3 that is found.
func (a *Accel) Build() error {
	include, err := exec.Command("python3", "-c", "import sysconfig; print(sysconfig.get_path('include'))").Output()
	if err != nil {
		return fmt.Errorf("python3 for its headers: %w", err)
	}
	a.include, a.objects = strings.TrimSpace(string(include)), map[string]string{}
	for _, name := range accelSources {
		if err := a.compile(filepath.Join(a.Root, "python/accel", name), name, true); err != nil {
			return err
		}
	}
	for name, seen := range map[string]bool{"app.c": true, "hooks.c": false, "python.c": false} {
		if err := a.compile(filepath.Join(a.Root, "internal/interleave/native/worker", name), name, seen); err != nil {
			return err
		}
	}
	return nil
}

// compile makes an object; seen says that the explorer sees its accesses.
func (a *Accel) compile(source, name string, seen bool) error {
	object := filepath.Join(a.Out, strings.ReplaceAll(name, ".c", ".o"))
	args := []string{"-c", "-O1", "-g", "-fPIC", "-fvisibility=hidden", "-std=c11", "-Wall", "-Wextra", "-Werror",
		"-Wno-error=deprecated-declarations", "-isystem", a.include}
	if seen {
		args = append(args, "-fsanitize=thread", "-fno-builtin", "-DPy_LIMITED_API=0x030A0000", "-D_exit=model_exit",
			"-I"+filepath.Join(a.Root, "python/accel"))
		for _, f := range renamed {
			args = append(args, "-D"+f+"=model_"+f)
		}
	}
	a.objects[name] = object
	return run("cc", append(args, "-o", object, source)...)
}

// Changed compiles one source with a change, in place of the unchanged one. The result is for another Out.
func (a *Accel) Changed(c Change, out string) (*Accel, error) {
	text, err := os.ReadFile(filepath.Join(a.Root, "python/accel", c.File))
	if err != nil {
		return nil, err
	}
	changed, err := Text(c.File, string(text), []Change{c})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(out, "changed_"+c.File)
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return nil, err
	}
	b := &Accel{Root: a.Root, Out: out, include: a.include, objects: map[string]string{}}
	for name, object := range a.objects {
		b.objects[name] = object
	}
	return b, b.compile(path, c.File, true)
}

// Link makes n libraries: each worker process needs one of its own, for variables of its own.
func (a *Accel) Link(n int) (paths []string, err error) {
	args := []string{"-shared", "-Wl,-Bsymbolic"}
	for _, object := range a.objects {
		args = append(args, object)
	}
	for i := range n {
		path := filepath.Join(a.Out, fmt.Sprintf("worker%d.so", i))
		if err := run("cc", append(args, "-o", path)...); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
