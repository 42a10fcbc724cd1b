package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// runError is a program that cannot be run. Code is what a shell would exit
// with.
type runError struct {
	flag, program string
	code          int
	err           error
}

func (e *runError) Error() string { return fmt.Sprintf("%s %s: %v", e.flag, e.program, e.err) }
func (e *runError) Unwrap() error { return e.err }

// executable finds a program, and makes sure that the kernel can run it: before
// anything is migrated for it. flag is where it was named.
func executable(flag, program string) (string, error) {
	path, err := exec.LookPath(program)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", &runError{flag, program, 126, errors.New("it is not executable")}
	case errors.Is(err, syscall.EISDIR):
		return "", &runError{flag, program, 126, errors.New("it is a directory")}
	case err != nil:
		return "", &runError{flag, program, 127, err}
	}
	if err := format(path); err != nil {
		return "", &runError{flag, path, 126, err}
	}
	return path, nil
}

// machines are the ELF machines of the platforms this program is built for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// format reads how a program begins.
//
// Source: https://man7.org/linux/man-pages/man2/execve.2.html
func format(path string) error {
	if runtime.GOOS != "linux" || otherFormats() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // executable and not readable is allowed
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		line, _, _ := bytes.Cut(head[2:], []byte("\n"))
		words := strings.Fields(string(line))
		if len(words) == 0 {
			return errors.New("its #! line names no interpreter")
		}
		if _, err := os.Stat(words[0]); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("its interpreter %q is not there", strings.TrimRight(string(line), " "))
		}
		return nil
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		x, err := elf.NewFile(f)
		if err != nil {
			return fmt.Errorf("it is not a program: %w", err)
		}
		if want, ok := machines[runtime.GOARCH]; ok && x.Machine != want {
			return fmt.Errorf("it is built for %s, and this machine is %s", x.Machine, want)
		}
		return nil
	}
	return errors.New("exec format error: it is neither a binary nor a script with an interpreter line (#!…)")
}

// otherFormats reports whether the kernel runs files of other kinds, or of other
// machines by emulation.
//
// Source: https://docs.kernel.org/admin-guide/binfmt-misc.html
func otherFormats() bool {
	entries, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name() != "register" && e.Name() != "status" {
			return true
		}
	}
	return false
}
