package node

import (
	"fmt"
	"os"
	"syscall"

	"gohap/lbcore/config"
)

// goBackground starts this program anew in the background and returns its exit code once
// that one serves, or has failed.
func (p *process) goBackground() int {
	c, err := bear(daemon, p.executable(), os.Args, [2]*os.File{}, true)
	if err != nil {
		p.say(config.Alert, fmt.Sprintf("[gohap.main()] Cannot start the process in the background: %s.", err))
		return 1
	}
	if r := <-c.told; r.Ready {
		return 0
	}
	state, err := c.Wait()
	if err != nil {
		p.say(config.Alert, fmt.Sprintf("Process %d: %s", c.Pid, err))
		return 1
	}
	p.say(config.Alert, fmt.Sprintf("Process %d %s", c.Pid, ended(state)))
	return exitCode(state)
}

// ended says how a process ended, in the reference's words.
func ended(s *os.ProcessState) string {
	code, how := exitCode(s), "Exit"
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		how = signalName(w.Signal())
	}
	return fmt.Sprintf("exited with code %d (%s)", code, how)
}

// exitCode is a process's, 128 and the signal's number when one ended it.
func exitCode(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// signalName is the C library's name of a signal: Go's begins with a small letter.
func signalName(s syscall.Signal) string {
	text := s.String()
	if 'a' <= text[0] && text[0] <= 'z' {
		text = string(text[0]-32) + text[1:]
	}
	return text
}

// writePid writes the pid file, of a process in the background or of a master.
func (p *process) writePid() error {
	path := p.launch.PidFile
	if path == "" {
		return nil
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
		return fmt.Errorf("[gohap.main()] Cannot create pidfile %s", path)
	}
	return nil
}

// formers are the processes of -sf and -st that this one takes over from.
type formers struct {
	pids []int
	end  syscall.Signal // SIGUSR1 or SIGTERM
}

func (f *formers) signal(s syscall.Signal) {
	for _, pid := range f.pids {
		_ = syscall.Kill(pid, s) // one that is gone needs no telling
	}
}
