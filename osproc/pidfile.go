package osproc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// WritePIDFile makes a file with this process's id, readable by everybody. Whatever was there is replaced: who runs
// is decided by who has the listening sockets. A reader finds the old content or the new one, never a part; only in
// a directory that this process may not change, the file itself is written.
func WritePIDFile(path string) error {
	text := strconv.Itoa(os.Getpid()) + "\n"
	err := replaceFile(path, text)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		if inPlace := overwrite(path, text); inPlace == nil {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("pidfile: %w", err)
	}
	return nil
}

func replaceFile(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// overwrite changes a file that is there, in one write.
func overwrite(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Truncate(int64(len(text))), file.Close())
}

// OwnPIDFile gives a pidfile to the user that this process is about to become, who will have to replace it.
func OwnPIDFile(path string, id Identity) error {
	if err := os.Lchown(path, id.UID, id.GID); err != nil {
		return fmt.Errorf("pidfile: %w", err)
	}
	return nil
}

// RemovePIDFile removes the file if it still names this process. Where the directory does not permit that, the file
// becomes empty, so that nobody takes the number of a process that is gone for penknife.
func RemovePIDFile(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && strings.TrimSpace(string(text)) != strconv.Itoa(os.Getpid()) {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		err = overwrite(path, "")
	}
	if err != nil {
		return fmt.Errorf("pidfile: %w", err)
	}
	return nil
}
