//go:build soak

package checks

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// as is a command run by an unprivileged user, in its own folder.
func as(t *testing.T, name, dir, bin string, args ...string) *exec.Cmd {
	t.Helper()
	if _, err := os.Stat(bin); err != nil {
		t.Skipf("install %s: %v", name, err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		u, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return cmd
}

// folder is one that every user may enter.
func folder(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "gohap-checks-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// started runs a server until the test's end and waits until it listens.
func started(t *testing.T, cmd *exec.Cmd, port string) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() })
	listening := time.NewTicker(50 * time.Millisecond)
	defer listening.Stop()
	for range 600 {
		<-listening.C
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("%s does not listen", cmd.Path)
}

func must(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, out)
	}
}

// sees tells what a check of a real server comes to, of gohap and the reference.
func sees(t *testing.T, option, port, want string) {
	t.Helper()
	for _, bin := range []string{oracle.Installed(t, oracle.Haproxy), oracle.Installed(t, oracle.Gohap)} {
		logs, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, fd := oracle.Inherit(t, "127.0.0.1")
		run := oracle.Start(t, bin, fmt.Sprintf(`global
 log %s local0 debug
defaults
 timeout connect 2s
 timeout server 2s
 timeout client 2s
 timeout check 2s
listen l
 bind fd@3
 log global
 option log-health-checks
 %s
 server s 127.0.0.1:%s check inter 200ms
`, logs.LocalAddr(), option, port), fd)
		logs.SetReadDeadline(time.Now().Add(10 * time.Second))
		buf := make([]byte, 4096)
		n, _, err := logs.ReadFrom(buf)
		if err != nil || !strings.Contains(string(buf[:n]), want) {
			t.Errorf("%s, %s: %q, want %q (%v)", filepath.Base(bin), option, buf[:n], want, err)
		}
		run.Stop()
		logs.Close()
	}
}

func TestRedis(t *testing.T) {
	dir, port := folder(t), strconv.Itoa(oracle.FreePort(t))
	started(t, as(t, "redis-server", dir, "/usr/bin/redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", ""), port)
	sees(t, "option redis-check", port, "succeeded, reason: Layer7 check passed, code: 0, info: \"Redis server is ok\"")
	sees(t, "option pgsql-check user x", port, "failed, reason: Layer7")
}

func TestPostgreSQL(t *testing.T) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		t.Skip("install postgresql")
	}
	dir, port, bin := folder(t), strconv.Itoa(oracle.FreePort(t)), found[len(found)-1]
	must(t, as(t, "postgresql", dir, bin+"/initdb", "-D", dir+"/data", "-A", "trust", "-U", "check"))
	started(t, as(t, "postgresql", dir, bin+"/postgres", "-D", dir+"/data", "-p", port, "-h", "127.0.0.1", "-k", dir), port)
	sees(t, "option pgsql-check user check", port, "code: 0, info: \"PostgreSQL server is ok\"")
}

func TestMariaDB(t *testing.T) {
	dir, port := folder(t), strconv.Itoa(oracle.FreePort(t))
	must(t, as(t, "mariadb-server", dir, "/usr/bin/mariadb-install-db", "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db"))
	started(t, as(t, "mariadb-server", dir, "/usr/sbin/mariadbd", "--no-defaults", "--datadir="+dir+"/data", "--port="+port, "--bind-address=127.0.0.1", "--socket="+dir+"/s", "--skip-name-resolve"), port)
	sees(t, "option mysql-check", port, "succeeded, reason: Layer7 check passed, code: 0, info: ")
	sees(t, "option mysql-check user nobody-known", port, "failed, reason: Layer7 wrong status, code: 1045, info: \"#28000Access denied")
}

func TestSMTP(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("install opensmtpd and run as root: it starts no other way")
	}
	dir, port := folder(t), strconv.Itoa(oracle.FreePort(t))
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte("listen on 127.0.0.1 port "+port+"\naction a relay\nmatch for local action a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/usr/sbin/smtpd"); err != nil {
		t.Skip("install opensmtpd")
	}
	cmd := exec.Command("/usr/sbin/smtpd", "-d", "-f", conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started(t, cmd, port)
	sees(t, "option smtpchk EHLO gohap.example", port, "succeeded, reason: Layer7 check passed, code: 221")
}
