package gate

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed is a package as the go command lists it, as far as it was asked.
type listed struct {
	ImportPath, Name, Dir  string
	GoFiles, Imports, Deps []string
	// Export is the file that importers compile against.
	Export string
}

// list asks the go command for some fields of packages.
func list(t *testing.T, fields string, arguments ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=" + fields}, arguments...)...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		require.NoError(t, dec.Decode(&p))
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}

// compiled are packages and all that they import, compiled.
func compiled(t *testing.T, patterns ...string) []listed {
	t.Helper()
	return list(t, "ImportPath,Name,Dir,GoFiles,Export", append([]string{"-export", "-deps"}, patterns...)...)
}
