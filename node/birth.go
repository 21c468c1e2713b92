package node

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A role is what a process was started for.
type role string

// The roles. Go cannot fork, so that each is a process of its own that begins
// anew.
const (
	first  role = ""       // by somebody
	daemon role = "daemon" // by a first process, to run in the background
	worker role = "worker" // by a master, to serve
)

// birthVar is the environment variable that tells a process what it was started
// for, and with which descriptors. It is taken out at once.
const birthVar = "GOHAP_BIRTH"

// birth is what a process was given by the one that started it.
type birth struct {
	role    role
	report  *os.File // where it tells once that it serves
	control int      // worker: where command connections come from the master, else -1
	former  int      // worker: a command connection to the worker before it, else -1
	null    *os.File // daemon: /dev/null, from before a chroot; nil until hold
}

// readBirth takes the variable out of the environment.
func readBirth() (birth, error) {
	b := birth{control: -1, former: -1}
	text := os.Getenv(birthVar)
	os.Unsetenv(birthVar)
	if text == "" {
		return b, nil
	}
	var report int
	if _, err := fmt.Sscanf(text, "%s %d %d %d", &b.role, &report, &b.control, &b.former); err != nil {
		return b, fmt.Errorf("environment variable %s: %w", birthVar, err)
	}
	b.report = os.NewFile(uintptr(report), "report")
	for _, fd := range []int{report, b.control, b.former} {
		if fd >= 0 {
			unix.CloseOnExec(fd)
		}
	}
	return b, nil
}

// A Report is what a process tells the one that started it.
type Report struct {
	Ready bool   // it serves; false: it ends
	Log   string // what it said meanwhile
}

// tell sends the report; the other end may be gone.
func (b *birth) tell(r Report) {
	if b.report == nil {
		return
	}
	_ = json.NewEncoder(b.report).Encode(r)
	b.report.Close()
	b.report = nil
}

// A child is a process that this one started.
type child struct {
	*os.Process
	// told gets what it reports, or is closed when it ends without.
	told <-chan Report
}

// bear starts the program anew in a role. extra are further descriptors of the
// child: control and former, nil for none.
func bear(as role, path string, args []string, extra [2]*os.File, session bool) (*child, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	files, at := inherited()
	numbers := make([]any, 0, 3)
	for _, f := range []*os.File{w, extra[0], extra[1]} {
		if f == nil {
			numbers = append(numbers, -1)
			continue
		}
		numbers = append(numbers, at)
		files = append(files, f)
		at++
	}
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, birthVar+"=") })
	env = append(env, fmt.Sprintf("%s=%s %d %d %d", birthVar, as, numbers[0], numbers[1], numbers[2]))
	p, err := os.StartProcess(path, args, &os.ProcAttr{Env: env, Files: files, Sys: &syscall.SysProcAttr{Setsid: session}})
	if err != nil {
		r.Close()
		return nil, err
	}
	told := make(chan Report, 1)
	go func() { // ends with the report, or with the child
		defer r.Close()
		defer close(told)
		var report Report
		if data, err := io.ReadAll(r); err == nil && json.Unmarshal(data, &report) == nil {
			told <- report
		}
	}()
	return &child{Process: p, told: told}, nil
}

// passedOn are the descriptors above standard error that this process was given
// to use (addresses fd@N), kept open for the processes that it starts.
var passedOn []*os.File

// inherited returns the descriptors that a child gets under their own numbers, and
// the first number behind them.
func inherited() (files []*os.File, next int) {
	files = []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for _, f := range passedOn {
		for len(files) < int(f.Fd()) {
			files = append(files, nil)
		}
		files = append(files, f)
	}
	return files, len(files)
}

// findInherited fills passedOn; before anything else opens a descriptor. Those of
// the runtime close by themselves at exec.
func findInherited(b birth) {
	passedOn = nil
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return
	}
	var fds []int
	for _, name := range names {
		fd, err := strconv.Atoi(filepath.Base(name))
		if err != nil || fd < 3 || b.report != nil && fd == int(b.report.Fd()) || fd == b.control || fd == b.former {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	for _, fd := range fds {
		passedOn = append(passedOn, os.NewFile(uintptr(fd), "fd@"+strconv.Itoa(fd)))
	}
}

// hold opens what detach needs, which may not be there once the root has changed.
func (b *birth) hold() (err error) {
	b.null, err = os.OpenFile("/dev/null", os.O_RDWR, 0)
	return err
}

// detach lets go of the terminal: what is written to the standard files is gone.
func (b *birth) detach() error {
	if b.null == nil {
		if err := b.hold(); err != nil {
			return err
		}
	}
	defer b.null.Close()
	for fd := range 3 {
		if err := unix.Dup3(int(b.null.Fd()), fd, 0); err != nil {
			return err
		}
	}
	return nil
}
