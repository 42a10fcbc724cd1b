//go:build !unix || solaris || aix

package migrate

import (
	"errors"
	"fmt"
	"os"
)

func takeLock(string) (*os.File, error) {
	return nil, fmt.Errorf("%w: file lock: %w", ErrStore, errors.ErrUnsupported)
}

func lockIsFree(string) (bool, error) {
	return false, fmt.Errorf("%w: file lock: %w", ErrStore, errors.ErrUnsupported)
}
