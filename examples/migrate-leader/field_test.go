package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

// The cases of this file were reported by users of entry points and migration
// tools, or met in trying this one. Each runs the real command.

// ended is how the command ended.
type ended struct {
	out  string // both streams
	code int
	took time.Duration
}

// line is the last line that was printed.
func (e ended) last() string {
	lines := strings.Split(strings.TrimSpace(e.out), "\n")
	return lines[len(lines)-1]
}

// call runs the command to its end, for a minute at most.
func call(t *testing.T, args ...string) ended {
	t.Helper()
	return callIn(t, nil, args...)
}

func callIn(t *testing.T, env []string, args ...string) ended {
	t.Helper()
	cmd, out := begin(t, env, args...)
	at := time.Now()
	_ = cmd.Wait()
	return ended{out.String(), cmd.ProcessState.ExitCode(), time.Since(at)}
}

// begin starts the command.
func begin(t *testing.T, env []string, args ...string) (*exec.Cmd, *lines) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	cmd := command(ctx, args...)
	cmd.Env = append(cmd.Env, env...)
	out := &lines{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 20 * time.Second
	require.NoError(t, cmd.Start())
	return cmd, out
}

// stop sends SIGTERM after a while and waits for the end.
func stop(t *testing.T, cmd *exec.Cmd, out *lines, after time.Duration) ended {
	t.Helper()
	wait(t.Context(), after)
	at := time.Now()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	return ended{out.String(), cmd.ProcessState.ExitCode(), time.Since(at)}
}

// begun waits for the file that a program makes when it runs: until then the leader
// may not listen for signals yet.
func begun(t *testing.T, mark string) {
	t.Helper()
	soon(t, func() bool { _, err := os.Stat(mark); return err == nil })
}

// base is a run on a lock file of its own.
func base(t *testing.T, args ...string) []string {
	return append([]string{"run", "-store", "file:" + t.TempDir(), "-key", "k"}, args...)
}

func TestHangingProbe(t *testing.T) {
	t.Parallel()
	t.Run("SIGTERM", func(t *testing.T) {
		t.Parallel()
		for _, probe := range []string{"sleep 57; exit 1", "exec sleep 57", "trap '' TERM; sleep 57; sleep 57"} {
			mark := filepath.Join(t.TempDir(), "asked")
			cmd, out := begin(t, nil, base(t, "-probe", "touch "+mark+"; "+probe, "--", "true")...)
			begun(t, mark)
			e := stop(t, cmd, out, 200*time.Millisecond)
			require.Equal(t, 4, e.code, e.out)
			require.Less(t, e.took, 15*time.Second, probe)
		}
		left, _ := exec.Command("pgrep", "-f", "sleep 57").Output()
		require.Empty(t, strings.TrimSpace(string(left)), "nothing outlasts it")
	})
	t.Run("longest wait", func(t *testing.T) {
		t.Parallel()
		for _, probe := range []string{"sleep 58; exit 1", "exec sleep 58"} {
			e := call(t, base(t, "-max-wait", "2s", "-probe", probe, "--", "true")...)
			require.NotZero(t, e.code)
			require.GreaterOrEqual(t, e.took, 2*time.Second, e.out)
			require.Less(t, e.took, 15*time.Second, e.out)
		}
	})
	t.Run("the leader's", func(t *testing.T) {
		t.Parallel()
		// It answers until the key is held, and hangs then.
		args := base(t, "-lease", "2s", "-max-wait", "30s", "-probe-timeout", "1s")
		mark := filepath.Join(t.TempDir(), "asked")
		probe := fmt.Sprintf("test -e %[1]s && { sleep 59; exit 1; }; touch %[1]s; exit 1", mark)
		cmd, out := begin(t, nil, append(args, "-probe", probe, "--", "true")...)
		defer func() { _ = cmd.Process.Kill() }()
		printed(t, out, "leading epoch 1")
		e := call(t, append(args, "-probe", "test -e "+mark+".done", "--", "touch", mark+".done")...)
		require.Zero(t, e.code, "a leader whose probe hangs gives the key up: %s", e.out)
	})
}

func TestUnsetIsNotDone(t *testing.T) {
	t.Parallel()
	deploy := func(t *testing.T, dir string, env []string, n int) ended {
		return callIn(t, env, "run", "-store", "file:"+dir, "-key", "shop", "--", "/bin/sh", "-c", fmt.Sprintf("echo %d >>%s/ran", n, dir), "-then", "echo", "APP", fmt.Sprint(n))
	}
	ran := func(t *testing.T, dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "ran"))
		require.NoError(t, err)
		return strings.Join(strings.Fields(string(b)), " ")
	}
	t.Run("anywhere", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		for i := range 3 {
			e := deploy(t, dir, nil, i)
			require.Zero(t, e.code, e.out)
			require.Contains(t, e.out, "every replica runs the command")
		}
		require.Equal(t, "0 1 2", ran(t, dir))
	})
	t.Run("on ECS", func(t *testing.T) {
		t.Parallel()
		// The shape of the answer: container metadata of the endpoint's version 4.
		var image atomic.Value
		image.Store("sha256:aaaa")
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v4/abc/task" {
				_, _ = w.Write([]byte(`{"TaskARN":"arn:aws:ecs:us-east-1:1:task/prod/7"}`))
				return
			}
			_, _ = fmt.Fprintf(w, `{"DockerId":"d","Name":"app","Image":"1.dkr.ecr.us-east-1.amazonaws.com/app:latest","ImageID":%q}`, image.Load())
		}))
		defer srv.Close()
		env := []string{metadata + "=" + srv.URL + "/v4/abc"}
		dir := t.TempDir()
		require.Zero(t, deploy(t, dir, env, 1).code)
		require.Zero(t, deploy(t, dir, env, 2).code)
		require.Equal(t, "1", ran(t, dir), "the same image does not migrate again")
		image.Store("sha256:bbbb")
		require.Zero(t, deploy(t, dir, env, 3).code)
		require.Equal(t, "1 3", ran(t, dir), "the tag is the same, the image is not")
		image.Store("sha256:aaaa")
		e := deploy(t, dir, env, 4)
		require.Contains(t, e.out, "APP 4", "a rollback to the old image comes up")
		require.Equal(t, "1 3", ran(t, dir))
		srv.Close()
		e = deploy(t, dir, env, 5)
		require.Contains(t, e.out, "the image's digest is not known")
		require.Equal(t, "1 3 5", ran(t, dir))
	})
}

func TestRollingBuilds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(build, script string) ended {
		return call(t, "run", "-store", "file:"+dir, "-key", "s", "-build", build, "--", "/bin/sh", "-c", script, "-then", "echo", "APP", build)
	}
	require.Contains(t, run("v1", "echo to v1").out, "to v1")
	require.Contains(t, run("v2", "echo to v2").out, "to v2")
	e := run("v1", "echo 'error: no migration found for version 2'; exit 1")
	require.Zero(t, e.code, e.out)
	require.Contains(t, e.out, "APP v1")
	require.NotContains(t, e.out, "no migration found")
	e = run("v2", "exit 1")
	require.Contains(t, e.out, "APP v2")
}

func TestWhatCannotRunIsFoundFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, []byte(text), mode))
		return p
	}
	noMark, noBit := file("nomark", "echo hi\n", 0o755), file("nobit", "#!/bin/sh\n", 0o644)
	noInterpreter := file("nointerpreter", "#!/no/such/python\n", 0o755)
	foreign := file("foreign", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 9)+"\x02\x00\xf3\x00\x01\x00\x00\x00"+strings.Repeat("\x00", 40), 0o755) // RISC-V
	good := file("good", "#!/bin/sh\necho APP UP\n", 0o755)
	for name, c := range map[string]struct {
		tool, app string
		code      int
		want      string
	}{
		"no application":              {"true", "gunicorn-that-is-not-there", 127, "gunicorn-that-is-not-there"},
		"application without a mark":  {"true", noMark, 126, noMark + ": exec format error"},
		"application without the bit": {"true", noBit, 126, "it is not executable"},
		"interpreter is not there":    {"true", noInterpreter, 126, `its interpreter "/no/such/python" is not there`},
		"another machine's":           {"true", foreign, 126, "it is built for EM_RISCV"},
		"no tool":                     {"alembick", good, 127, "alembick"},
		"tool without a mark":         {noMark, good, 126, noMark},
	} {
		mark := filepath.Join(t.TempDir(), "ran")
		tool := []string{c.tool}
		if c.tool == "true" {
			tool = []string{"/bin/sh", "-c", "touch " + mark}
		}
		e := call(t, append(append(base(t, "--"), tool...), "-then", c.app)...)
		require.Equal(t, c.code, e.code, "%s: %s", name, e.out)
		require.Contains(t, e.last(), c.want, name)
		_, err := os.Stat(mark)
		require.ErrorIs(t, err, os.ErrNotExist, "%s: it migrated", name)
	}
	require.Contains(t, call(t, append(base(t, "--", "true"), "-then", good)...).out, "APP UP")
	e := call(t, append(base(t, "--", "true"), "-then")...)
	require.Equal(t, 2, e.code)
	require.Contains(t, e.out, "-then needs the application")
	e = call(t, append(base(t, "--", "true"), "-then", dir)...)
	require.Equal(t, 126, e.code)
	require.Contains(t, e.last(), "it is a directory")
	for _, args := range [][]string{{"-probe", " "}, {"-attempts", "0"}, {"-attempts", "-1"}, {"-drain", "-1s"}} {
		require.Equal(t, 2, call(t, append(base(t, args...), "--", "touch", dir+"/ran")...).code, args)
		_, err := os.Stat(dir + "/ran")
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestStoppedBeforeTheApplication(t *testing.T) {
	t.Parallel()
	mark := filepath.Join(t.TempDir(), "begun")
	args := base(t, "-drain", "10s", "-build", "b", "--", "/bin/sh", "-c", "touch "+mark+"; sleep 1.5; echo migrated", "-then", "echo", "APP STARTED")
	cmd, out := begin(t, nil, args...)
	begun(t, mark)
	e := stop(t, cmd, out, 200*time.Millisecond)
	require.Contains(t, e.out, "migrated")
	require.NotContains(t, e.out, "APP STARTED\n")
	require.Equal(t, 4, e.code, e.out)
	require.Contains(t, e.last(), "the migration is verified, and echo was not started")
	require.Contains(t, call(t, args...).out, "APP STARTED", "the next one has nothing to do")
}

func TestProbeThatCannotRun(t *testing.T) {
	t.Parallel()
	for probe, want := range map[string]string{
		"pythn manage.py migrate --check": "pythn",
		"/etc/passwd":                     "ermission denied",
		"kill -SEGV $$":                   "ended by a signal",
	} {
		e := call(t, base(t, "-max-wait", "30s", "-probe", probe, "--", "true")...)
		require.NotZero(t, e.code)
		require.Less(t, e.took, 10*time.Second, probe)
		require.Contains(t, e.last(), want)
	}
	e := call(t, base(t, "-max-wait", "2s", "-probe", "echo 'psql: no route to db'; exit 2", "--", "true")...)
	require.Contains(t, e.last(), "psql: no route to db", "the probe's last words")
	require.Contains(t, e.last(), "waited 2")
	require.GreaterOrEqual(t, e.took, 2*time.Second)
}

func TestFileStoreThatCannotBe(t *testing.T) {
	t.Parallel()
	long := call(t, "run", "-store", "file:"+t.TempDir(), "-key", strings.Repeat("k", 300), "-max-wait", "30s", "--", "true")
	require.Equal(t, 1, long.code)
	require.Less(t, long.took, 5*time.Second)
	notDir := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(notDir, nil, 0o600))
	e := call(t, "run", "-store", "file:"+notDir+"/deep", "-key", "k", "-max-wait", "30s", "--", "true")
	require.Less(t, e.took, 5*time.Second)
	require.Contains(t, e.last(), "not a directory")
	if os.Getuid() != 0 {
		t.Skip("a read-only file system needs root")
	}
	ro := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "ro", "none", ro).Run(); err != nil {
		t.Skip("mount is not allowed here: ", err)
	}
	defer func() { _ = exec.Command("umount", ro).Run() }()
	e = call(t, "run", "-store", "file:"+ro, "-key", "k", "-max-wait", "30s", "--", "true")
	require.Less(t, e.took, 5*time.Second, e.out)
	require.Contains(t, e.last(), "read-only file system")
}

// TestFailureMemory lets the database be away while three replicas migrate: all
// come up once it is back, and so does the one that starts later. A failure of
// the migration's own is remembered, says until when, and can be cleared.
func TestFailureMemory(t *testing.T) {
	t.Parallel()
	t.Run("outage", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		script := filepath.Join(dir, "m.sh")
		require.NoError(t, os.WriteFile(script, []byte(fmt.Sprintf(`[ $(( $(date +%%s) - %d )) -lt 6 ] && { echo "could not connect to server: Connection refused"; exit 1; }
echo migrated; touch %s/done
`, time.Now().Unix(), dir)), 0o600))
		args := []string{"run", "-store", "file:" + dir, "-key", "s", "-build", "b", "-probe", "test -e " + dir + "/done", "--", "/bin/sh", script, "-then", "echo", "APP UP"}
		var wg sync.WaitGroup
		ends := make([]ended, 3)
		for i := range ends {
			wg.Go(func() { ends[i] = call(t, args...) })
		}
		wg.Wait()
		for _, e := range append(ends, call(t, args...)) {
			require.Zero(t, e.code, e.out)
			require.Contains(t, e.out, "APP UP")
		}
	})
	t.Run("failure", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		run := func(script string) ended {
			return call(t, "run", "-store", "file:"+dir, "-key", "s", "-build", "b", "--", "/bin/sh", "-c", script)
		}
		for range 2 {
			e := run("echo 'ERROR: column \"state\" already exists' >&2; exit 7")
			require.Equal(t, 7, e.code)
			require.Contains(t, e.last(), "already exists")
		}
		e := run("true")
		require.Equal(t, 3, e.code, e.out)
		require.Contains(t, e.last(), `column "state" already exists`, "the tool's own words")
		require.Regexp(t, `not tried again before 20\d\d-\d\d-\d\dT`, e.last())
		status := call(t, "status", "-store", "file:"+dir, "-key", "s")
		require.Contains(t, status.out, `"retryAt"`)
		require.Zero(t, call(t, "forget", "-store", "file:"+dir, "-key", "s").code)
		require.Equal(t, 3, run("true").code, "that was a dry run")
		require.Zero(t, call(t, "forget", "-store", "file:"+dir, "-key", "s", "-apply").code)
		require.Zero(t, run("true").code)
	})
}

// TestHealthOverTheApplicationsLife asks the container's health check of the
// README from the start of a container to long after the application's: it is
// never wrong for longer than the application takes to answer.
func TestHealthOverTheApplicationsLife(t *testing.T) {
	t.Parallel()
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	}
	health, app := free(), free()
	_, port, err := net.SplitHostPort(app)
	require.NoError(t, err)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed, which is the application here")
	}
	cmd, out := begin(t, nil, base(t, "-build", "b", "-health", health, "--", "sleep", "2", "-then", "/bin/sh", "-c", "sleep 1; exec "+python+" -m http.server --bind 127.0.0.1 "+port)...)
	defer func() { _ = cmd.Process.Kill() }()
	check := []string{"check", "-health", health, "-app", "http://" + app + "/", "-boot", "20s"}
	old := 0 // what asking the health address alone would have said
	for i := range 12 {
		wait(t.Context(), 500*time.Millisecond)
		e := call(t, check...)
		require.Zero(t, e.code, "%d: %s%s", i, e.out, out.String())
		if resp, err := http.Get("http://" + health + "/live"); err != nil {
			old++
		} else {
			_ = resp.Body.Close()
		}
	}
	require.GreaterOrEqual(t, old, 3, "the address of run ends with it")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	require.NotZero(t, call(t, check...).code, "nobody is there")
	require.Equal(t, 2, call(t, "check").code)
}

// TestHealthWhileTheProbeHangs finds the loop stuck, if the probe has no limit
// to speak of.
func TestHealthWhileTheProbeHangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	cmd, _ := begin(t, nil, base(t, "-health", addr, "-lease", "500ms", "-interval", "100ms", "-probe-timeout", "1h", "-probe", "sleep 56; exit 1", "--", "true")...)
	defer func() { _ = cmd.Process.Kill() }()
	status := func() int {
		resp, err := http.Get("http://" + addr + "/live")
		if err != nil {
			return 0
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode
	}
	require.Eventually(t, func() bool { return status() == http.StatusOK }, 30*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool { return status() == http.StatusServiceUnavailable }, 30*time.Second, 100*time.Millisecond)
	require.Equal(t, 4, stop(t, cmd, &lines{}, 0).code)
}

// TestProcess1 runs the command as process 1 of a container: it becomes the
// application, which gets the signals, and nothing that probes and migrations
// left is a zombie.
func TestProcess1(t *testing.T) {
	t.Parallel()
	unshare := []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}
	if exec.Command(unshare[0], append(unshare[1:], "true")...).Run() != nil {
		t.Skip("a PID namespace is not allowed here")
	}
	dir := t.TempDir()
	app := filepath.Join(dir, "app.sh")
	require.NoError(t, os.WriteFile(app, []byte(`#!/bin/bash
trap 'echo app got TERM; exit 7' TERM
echo "app pid $$; nofile $(ulimit -S -n)"; grep -E 'Sig(Blk|Ign)' /proc/self/status
ps -e -o stat,args | grep -c '^Z' | sed 's/^/zombies: /'
touch `+dir+`/up
sleep 100 & wait
`), 0o755))
	script := fmt.Sprintf(`ulimit -S -n 512; exec %s run -store file:%s -key k -owner x -interval 300ms -probe '(sleep 0.1 >/dev/null 2>&1 &); (sleep 30 &); test -e %[2]s/done || exit 1' -- bash -c 'setsid sleep 1 >/dev/null 2>&1 & (sleep 0.1 &); sleep 3; touch %[2]s/done' -then %s`, os.Args[0], dir, app)
	// A second replica on the same lock file holds the first one up, so that it
	// probes for a while.
	cmd := exec.Command(unshare[0], append(unshare[1:], "bash", "-c", script)...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	var out lines
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	begun(t, dir+"/up")
	pid, err := exec.Command("pgrep", "-f", "^/bin/bash "+app).Output()
	require.NoError(t, err)
	var n int
	_, err = fmt.Sscan(string(pid), &n)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(n, syscall.SIGTERM))
	err = cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, out.String())
	require.Equal(t, 7, exit.ExitCode(), out.String())
	text := out.String()
	require.Contains(t, text, "app pid 1; nofile 512")
	require.Contains(t, text, "app got TERM")
	require.Contains(t, text, "zombies: 0")
	// A test run under nohup is started with SIGHUP ignored: what it was given
	// itself is what the application gets.
	own, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for _, l := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(l, "SigBlk"):
			require.Equal(t, "0000000000000000", strings.Fields(l)[1], l)
		case strings.HasPrefix(l, "SigIgn"):
			require.Contains(t, string(own), l)
		}
	}
}

// TestBrokenLog closes what the command prints to: the migration is not ended
// for it.
func TestBrokenLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := command(t.Context(), base(t, "-build", "b", "--", "/bin/sh", "-c", "sleep .3; echo a; echo b; sleep .3; echo c; touch "+dir+"/fin")...)
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	require.NoError(t, r.Close())
	require.NoError(t, w.Close())
	_ = cmd.Wait()
	_, err = os.Stat(dir + "/fin")
	require.NoError(t, err)
	require.Zero(t, cmd.ProcessState.ExitCode())
}

// TestFollowersSpareTheProbe counts how often a follower asks: a start of a
// runtime costs much on a small task.
func TestFollowersSpareTheProbe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, err := migrate.FileStore(dir).Acquire(t.Context(), "k", migrate.Claim{Owner: "L", Lease: time.Hour})
	require.NoError(t, err)
	defer func() { _ = h.Release(t.Context(), nil) }()
	call(t, "run", "-store", "file:"+dir, "-key", "k", "-max-wait", "11s", "-probe", "echo x >>"+dir+"/n; false", "--", "true")
	b, err := os.ReadFile(dir + "/n")
	require.NoError(t, err)
	require.LessOrEqual(t, bytes.Count(b, []byte("\n")), 4)
}
