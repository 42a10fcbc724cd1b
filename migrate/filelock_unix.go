//go:build unix && !solaris && !aix

package migrate

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// takeLock locks the file, or returns nil when another one holds it.
//
// Source: https://man7.org/linux/man-pages/man2/flock.2.html
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	// A look of another process (lockIsFree) may hold it for an instant.
	for range 100 {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			if sameFile(f, path) != nil { // removed meanwhile: not held by anybody's account
				break
			}
			return f, nil
		}
		if busy, berr := lockIsFree(path); berr != nil || !busy {
			break
		}
	}
	_ = f.Close()
	if err == nil || errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, err
}

// lockIsFree reports whether nobody holds the file's lock. It shares it for an
// instant.
func lockIsFree(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
