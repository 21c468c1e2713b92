package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gohap/lbcore/proxy"
)

// External is a command that decides. It is read-only once built.
type External struct {
	Command  string
	Path     string // the command's PATH
	Environ  []string
	Listener [2]string // the first listener's address and port, "NOT_USED" without one
}

// command runs an external check; ok is false when the checker stops.
func (t *target) command(ctx context.Context, x *External) (proxy.Result, bool) {
	limit := t.cfg.Timeout
	if limit == 0 {
		limit = t.cfg.Inter
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := t.Clock.Mono()
	addr, port := t.serverAddress()
	cmd := exec.CommandContext(limited, x.Command, x.Listener[0], x.Listener[1], addr, port)
	cmd.Path, cmd.Err = x.find(), nil
	cmd.Env = append(append([]string(nil), x.Environ...), t.environment(x, addr, port)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	r := proxy.Result{Duration: time.Duration(t.Clock.Mono() - begin)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, false
	case err == nil:
		r.OK, r.Status = true, PROCOK
	case limited.Err() != nil:
		r.Status = PROCTOUT
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		r.Status, r.Code = PROCERR, exit.ExitCode()
	case errors.As(err, &exit):
		r.Status, r.Code = PROCERR, int(exit.Sys().(syscall.WaitStatus).Signal())
	default: // it could not be started: as a child that cannot run it
		r.Status, r.Code = PROCERR, 255
	}
	return r, true
}

// find looks a command without a slash up in the path that was configured.
func (x *External) find() string {
	if strings.Contains(x.Command, "/") {
		return x.Command
	}
	for _, dir := range filepath.SplitList(x.Path) {
		file := filepath.Join(dir, x.Command)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return file
		}
	}
	return x.Command
}

func (t *target) serverAddress() (addr, port string) {
	a := t.srv.Address().To
	if a.Path != "" {
		return a.Path, "NOT_USED"
	}
	return a.IP.Addr().String(), strconv.Itoa(int(a.IP.Port()))
}

// environment is what the reference tells the command.
func (t *target) environment(x *External, addr, port string) []string {
	s, p := t.srv, t.srv.Proxy
	listener := x.Listener
	for i, v := range listener {
		if v == "NOT_USED" {
			listener[i] = ""
		}
	}
	if port == "NOT_USED" {
		port = ""
	}
	proto := "tcp"
	if p.Mode == proxy.HTTP {
		proto = "h1"
	}
	ssl := "0"
	if t.transport != nil && t.transport.SSL {
		ssl = "1"
	}
	return []string{
		"PATH=" + x.Path,
		"HAPROXY_PROXY_NAME=" + p.Name, fmt.Sprintf("HAPROXY_PROXY_ID=%d", p.ID),
		"HAPROXY_PROXY_ADDR=" + listener[0], "HAPROXY_PROXY_PORT=" + listener[1],
		"HAPROXY_SERVER_NAME=" + s.Name, fmt.Sprintf("HAPROXY_SERVER_ID=%d", s.ID),
		"HAPROXY_SERVER_ADDR=" + addr, "HAPROXY_SERVER_PORT=" + port,
		fmt.Sprintf("HAPROXY_SERVER_MAXCONN=%d", s.Maxconn.Load()), fmt.Sprintf("HAPROXY_SERVER_CURCONN=%d", s.Conn.Load()),
		"HAPROXY_SERVER_SSL=" + ssl, "HAPROXY_SERVER_PROTO=" + proto,
	}
}
