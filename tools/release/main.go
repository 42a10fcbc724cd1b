// Command release builds the released form of the library and of the programs that
// are modules of their own, as a module proxy in a folder: with it in GOPROXY, go
// install shows before anything is tagged that what people will type works.
//
//	release -version v0.1.0 -proxy DIR [-write]
//
// With -write the released go.mod and go.sum of the programs, which have no replace
// directive, are written to the repository, for the commit that their tags name.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const library = "github.com/stackrescue/stackrescue"

// programs are modules of their own that people install.
var programs = []string{"examples/migrate-leader"}

func main() {
	version := flag.String("version", "", "the version, such as v0.1.0")
	proxy := flag.String("proxy", "", "the folder that becomes the proxy")
	write := flag.Bool("write", false, "write the programs' released go.mod and go.sum to the repository")
	root := flag.String("root", "..", "the repository")
	flag.Parse()
	if err := release(*root, *version, *proxy, *write); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(root, version, proxy string, write bool) error {
	if version == "" || proxy == "" {
		return errors.New("-version and -proxy are needed")
	}
	proxy, err := filepath.Abs(proxy)
	if err != nil {
		return err
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := zip.CreateFromVCS(&body, module.Version{Path: library, Version: version}, root, "HEAD", ""); err != nil {
		return err
	}
	if err := publish(proxy, library, version, gomod, body.Bytes()); err != nil {
		return err
	}
	for _, p := range programs {
		if err := program(root, p, version, proxy, write); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

// program publishes the released form of a program.
func program(root, dir, version, proxy string, write bool) error {
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.CopyFS(work, os.DirFS(filepath.Join(root, dir))); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "edit", "-dropreplace", library, "-require", library + "@" + version},
		{"mod", "tidy"},
	} {
		c := exec.Command("go", args...)
		c.Dir, c.Stdout, c.Stderr = work, os.Stderr, os.Stderr
		c.Env = append(os.Environ(), "GOPROXY=file://"+filepath.ToSlash(proxy)+","+goproxy(), "GONOSUMDB="+library, "GOWORK=off", "GOFLAGS=-mod=mod")
		if err := c.Run(); err != nil {
			return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
	}
	gomod, err := os.ReadFile(filepath.Join(work, "go.mod"))
	if err != nil {
		return err
	}
	if bytes.Contains(gomod, []byte("replace ")) {
		return errors.New("go.mod has a replace directive left: such a module cannot be installed")
	}
	var body bytes.Buffer
	path := library + "/" + dir
	if err := zip.CreateFromDir(&body, module.Version{Path: path, Version: version}, work); err != nil {
		return err
	}
	if write {
		for _, name := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(filepath.Join(work, name))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(root, dir, name), text, 0o644); err != nil {
				return err
			}
		}
	}
	return publish(proxy, path, version, gomod, body.Bytes())
}

func goproxy() string {
	out, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		return "direct"
	}
	return strings.TrimSpace(string(out))
}

// publish adds a version to the proxy (https://go.dev/ref/mod#goproxy-protocol).
func publish(proxy, path, version string, gomod, body []byte) error {
	dir := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Unix(0, 0).UTC()})
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"list": []byte(version + "\n"), version + ".info": info, version + ".mod": gomod, version + ".zip": body} {
		if err := os.WriteFile(filepath.Join(dir, name), text, fs.FileMode(0o644)); err != nil {
			return err
		}
	}
	return nil
}
