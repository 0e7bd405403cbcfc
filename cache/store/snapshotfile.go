package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// SaveFile writes what the stores have into a file that only its owner can read, the stores in their order. The file is
// there in whole or not at all: it is written beside its place and moved. Call it when the stores do not change any more.
func SaveFile(path string, stores ...*Store) error {
	fresh := path + ".new"
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("snapshot of the cache: %w", err)
	}
	err = writeStores(file, stores)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh)
		return fmt.Errorf("snapshot of the cache: %w", err)
	}
	return syncDirectory(filepath.Dir(path))
}

func writeStores(file *os.File, stores []*Store) error {
	if err := file.Chmod(0o600); err != nil { // it may have been there
		return err
	}
	if err := SaveTo(file, stores...); err != nil {
		return err
	}
	return file.Sync()
}

// SaveTo writes a snapshot of each store, one behind the other.
func SaveTo(w io.Writer, stores ...*Store) error {
	out := bufio.NewWriterSize(w, 256<<10)
	for _, s := range stores {
		if _, err := s.WriteTo(out); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("snapshot of the cache: %w", err)
	}
	return nil
}

// LoadFrom fills the stores from what SaveTo has written, up to its end, and gives the number of items. A store that is not in
// it stays as it is; what belongs to none of them is left out. It fills nothing if it gives an error, as Store.ReadFrom.
func LoadFrom(r io.Reader, stores ...*Store) (items int, err error) {
	loaded, err := readStores(r, stores)
	if err != nil {
		return 0, err
	}
	return addStores(loaded), nil
}

func addStores(loaded map[*Store][]*entry) (items int) {
	for s, entries := range loaded {
		s.addAll(entries)
		items += len(entries)
	}
	return items
}

// readStores reads the entries of each store.
func readStores(r io.Reader, stores []*Store) (map[*Store][]*entry, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	loaded := map[*Store][]*entry{}
	for {
		s, err := nextStore(in, stores)
		if s == nil || err != nil {
			return loaded, err
		}
		if loaded[s] != nil {
			return nil, fmt.Errorf("%w: a namespace is there twice", ErrSnapshot)
		}
		if loaded[s], _, err = s.readSnapshot(in); err != nil {
			return nil, err
		}
	}
}

// nextStore finds the store of the snapshot that begins here, or makes one to read past it. nil: nothing begins here.
func nextStore(in *bufio.Reader, stores []*Store) (*Store, error) {
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return nil, nil
	}
	head, err := in.Peek(len(snapshotMagic) + 1)
	if err == nil {
		head, err = in.Peek(len(head) + int(head[len(head)-1]))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it is cut off", ErrSnapshot)
	}
	namespace := string(head[len(snapshotMagic)+1:])
	for _, s := range stores {
		if s.options.Namespace == namespace {
			return s, nil
		}
	}
	s, err := New(Options{Namespace: namespace, Limit: MinLimit})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return s, nil
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("snapshot of the cache: %w", err)
	}
	defer func() { _ = directory.Close() }()
	if err := directory.Sync(); err != nil {
		return fmt.Errorf("snapshot of the cache: %w", err)
	}
	return nil
}

var errOthersWrite = errors.New("somebody else could have written it: it must be a file of ours that nobody else may write")

// LoadFile fills the stores from a file of SaveFile and removes it: if this process dies, the next one
// must not bring back what was purged meanwhile. A file that cannot be used is moved to NAME.refused with a log line. No
// file is an empty cache.
func LoadFile(path string, log *slog.Logger, stores ...*Store) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		log.Warn("the cache starts empty: its snapshot cannot be read", "file", path, "reason", err)
		return
	}
	defer func() { _ = file.Close() }()
	var loaded map[*Store][]*entry
	if err = trustFile(file); err == nil {
		loaded, err = readStores(file, stores)
	}
	if err != nil {
		log.Warn("the cache starts empty: its snapshot is refused", "file", path, "reason", err)
		if err := os.Rename(path, path+".refused"); err != nil {
			log.Warn("a refused snapshot stays where it is", "file", path, "reason", err)
		}
		return
	}
	if err := os.Remove(path); err != nil {
		log.Warn("the cache starts empty: its snapshot cannot be removed, and must not be used twice", "file", path, "reason", err)
		return
	}
	log.Info("the cache has what it had", "file", path, "items", addStores(loaded))
}

// trustFile wants a file that is ours.
func trustFile(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || owner.Uid != uint32(os.Geteuid()) && owner.Uid != 0 {
		return errOthersWrite
	}
	return nil
}
