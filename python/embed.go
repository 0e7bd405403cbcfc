// Package python carries the Python side of penknife inside the binary: the package `penknife` (zygote, worker,
// loader) as a zip, and the C accelerator that `make build` compiles. Both reach the interpreter of the workers through memory
// files. For processes that others start, Places.Write makes a copy of the zip on disk, which only its user can change.
// The package starts nothing and locks nothing in memory.
package python

import (
	"archive/zip"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed penknife/*.py
var sources embed.FS

//go:embed all:dist
var built embed.FS

const acceleratorPath = "dist/_accel.abi3.so"

// ErrNoAccelerator means that this binary was built without the C accelerator.
var ErrNoAccelerator = errors.New("python: this binary has no accelerator in it; build it with make build")

// Package gives the Python package as a zip that zipimport can read: files are stored, not compressed, so that an
// interpreter without zlib can say what is wrong with it. The same sources give the same bytes.
func Package() ([]byte, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	err := fs.WalkDir(sources, "penknife", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := w.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Store})
		if err != nil {
			return err
		}
		_, err = file.Write(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("python: pack the package: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("python: pack the package: %w", err)
	}
	return archive.Bytes(), nil
}

// Accelerator gives the compiled extension module (abi3, CPython 3.10 and newer). ErrNoAccelerator when the binary
// was built without it.
func Accelerator() ([]byte, error) {
	data, err := built.ReadFile(acceleratorPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoAccelerator
	}
	return data, err
}
