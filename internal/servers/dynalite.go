//go:build unix

package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Tools is the directory of programs that are installed by npm.
func Tools() string {
	if dir := os.Getenv("STACKRESCUE_TOOLS"); dir != "" {
		return dir
	}
	cache, _ := os.UserCacheDir()
	return filepath.Join(cache, "stackrescue")
}

// ignoreResets keeps dynalite from ending itself when a client goes away in the
// middle of a request, which is what happens here all the time.
const ignoreResets = `process.on('uncaughtException', e => {
  if (e.code !== 'ECONNRESET' && e.code !== 'EPIPE') { console.error(e); process.exit(1) }
})
`

// StartDynalite starts a server that speaks DynamoDB's protocol and returns its
// address. Any credentials do.
func StartDynalite(t testing.TB) string {
	t.Helper()
	home := filepath.Join(Tools(), "dynalite-4.0.0")
	install := "npm install --prefix " + home + " dynalite@4.0.0"
	node := need(t, "Node.js", install, "node")
	bin := filepath.Join(home, "node_modules/.bin/dynalite")
	if _, err := os.Stat(bin); errors.Is(err, os.ErrNotExist) {
		Missing(t, "dynalite", install)
	}
	dir := directory(t)
	preload := filepath.Join(dir, "preload.js")
	check(t, os.WriteFile(preload, []byte(ignoreResets), 0o600))
	port := FreePort(t)
	serve(t, command(nil, dir, node, "-r", preload, bin, "--port", strconv.Itoa(port), "--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0"))
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, "dynalite", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return "http://" + addr
}
