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
	out := bufio.NewWriterSize(file, 256<<10)
	for _, s := range stores {
		if _, err := s.WriteTo(out); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Sync()
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

// LoadFile fills the stores from a file of SaveFile with the same stores and removes it: if this process dies, the next one
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
	loaded, err := readStores(file, stores)
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
	items := 0
	for i, s := range stores {
		s.addAll(loaded[i])
		items += len(loaded[i])
	}
	log.Info("the cache has what it had", "file", path, "items", items)
}

// readStores reads the entries of each store.
func readStores(file *os.File, stores []*Store) ([][]*entry, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || owner.Uid != uint32(os.Geteuid()) && owner.Uid != 0 {
		return nil, errOthersWrite
	}
	in := bufio.NewReaderSize(file, 256<<10)
	loaded := make([][]*entry, len(stores))
	for i, s := range stores {
		if loaded[i], _, err = s.readSnapshot(in); err != nil {
			return nil, err
		}
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: there is more behind its end", ErrSnapshot)
	}
	return loaded, nil
}
