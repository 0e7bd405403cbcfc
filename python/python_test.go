package python_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"os/exec"
	"testing"

	"penknife/internal/testkit"
	"penknife/python"
)

func TestPackageHoldsTheSources(t *testing.T) {
	data, err := python.Package()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"penknife/__init__.py", "penknife/bootstrap.py", "penknife/zygote.py"} {
		file, err := archive.Open(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = file.Close()
	}
	again, _ := python.Package()
	if !bytes.Equal(data, again) {
		t.Error("the same sources gave other bytes")
	}
}

func TestAcceleratorIsThereOrSaysHowToGetIt(t *testing.T) {
	data, err := python.Accelerator()
	switch {
	case err == nil && !bytes.HasPrefix(data, []byte("\x7fELF")):
		t.Error("the accelerator is not a shared object")
	case err != nil && !errors.Is(err, python.ErrNoAccelerator):
		t.Error(err)
	}
}

// TestUnits runs the Python side's own tests under every interpreter of the machine.
func TestUnits(t *testing.T) {
	for _, interpreter := range testkit.Interpreters(t) {
		t.Run(interpreter.Version, func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command(interpreter.Path, "-B", "-W", "error", "-m", "unittest", "discover", "-s", "tests", "-t", ".").CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
