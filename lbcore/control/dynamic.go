//lint:file-ignore ST1005 the reference's messages are printed as they are

package control

import (
	"errors"
	"strings"
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// addServer adds a server to a backend, or lists the options that it may have.
func addServer(r *cli.Request) {
	c := control(r)
	if len(r.Args) > 0 && r.Args[0] == "help" {
		c.dynamicOptions(r)
		return
	}
	of, name, ok := named(r.Args)
	if !ok {
		r.Fail("Require 'backend/server'.")
		return
	}
	p := c.backend(of)
	if p == nil {
		r.Fail("No such backend.")
		return
	}
	if text := c.Refuses(p); text != "" {
		r.Fail("%s", text)
		return
	}
	notes, err := c.Add(p, append([]string{name}, r.Args[1:]...))
	if err != nil {
		r.Fail("%s", err)
		return
	}
	r.Message(cli.Info, "%sNew server registered.", notes)
}

// dynamicOptions lists the options of servers that are added while the process runs.
func (c *Control) dynamicOptions(r *cli.Request) {
	r.WriteString("List of keywords supported for dynamic server:\n")
	for _, row := range c.Words.Rows(keyword.Server) {
		if row.Flags&keyword.Dynamic != 0 {
			r.WriteString(row.Name + "\n")
		}
	}
}

// named cuts "backend/server"; false where one of them is missing.
func named(args []string) (backend, server string, ok bool) {
	if len(args) == 0 {
		return "", "", false
	}
	backend, server, ok = strings.Cut(args[0], "/")
	return backend, server, ok && server != "" && backend != ""
}

func delServer(r *cli.Request) {
	c := control(r)
	s := c.server(r)
	if s == nil {
		return
	}
	if err := c.Delete(s); err != nil {
		r.Fail("%s", err)
		return
	}
	r.Message(cli.Info, "Server deleted.")
}

// ErrInUse is why a server cannot be deleted yet.
var ErrInUse = errors.New("Server still has connections attached to it, cannot remove it.")

// Removable tells why a server cannot be deleted now: ErrInUse where time helps.
func Removable(s *proxy.Server) error {
	switch {
	case s.Gone():
		return errors.New("No such server.")
	case s.Pinned():
		return errors.New("This server cannot be removed at runtime due to other configuration elements pointing to it.")
	case !s.Admin().Maint():
		return errors.New("Only servers in maintenance mode can be deleted.")
	case s.InUse():
		return ErrInUse
	}
	return nil
}

const waitUsage = `Usage: wait {-h|<duration>} [condition [args...]]
  - '-h' displays this help
  - <duration> is the maximum wait time, optionally suffixed by the unit among
    'us', 'ms', 's', 'm', 'h', and 'd'. ; the default unit is milliseconds.
  - <condition> indicates what to wait for, no longer than the specified
    duration. Supported conditions are:
    - <none> : by default, just sleep for the specified duration.
    - srv-removable <px>/<sv> : wait for this server to become removable.`

// wait lets time go by, until a condition holds at the latest. It blocks its own
// connection alone.
func wait(r *cli.Request) {
	for _, w := range r.Args[:min(len(r.Args), 2)] {
		if w == "-h" {
			r.Message(cli.Info, waitUsage)
			return
		}
	}
	if len(r.Args) == 0 {
		r.Fail("Expects a duration in milliseconds.")
		return
	}
	t, err := config.ParseTime(r.Args[0], time.Millisecond)
	if err != nil || t.Value <= 0 {
		r.Fail("Invalid duration.")
		return
	}
	var holds func() (bool, error)
	switch {
	case len(r.Args) == 1:
		holds = func() (bool, error) { return false, nil }
	case r.Args[1] != "srv-removable":
		r.Fail(waitUsage)
		return
	case len(r.Args) == 2:
		r.Fail("Missing server name (<backend>/<server>).")
		return
	default:
		of, name, ok := named(r.Args[2:])
		if !ok {
			r.Fail("Require 'backend/server'.")
			return
		}
		holds = func() (bool, error) { return control(r).removable(of, name) }
	}
	waitFor(r, t.Value, len(r.Args) > 1, holds)
}

// removable tells whether a server can be deleted; an error says that it never can.
func (c *Control) removable(of, name string) (bool, error) {
	s := c.find(of, name)
	if s == nil {
		return false, errors.New("No such server.")
	}
	if err := Removable(s); err != nil && err != ErrInUse {
		return false, err
	} else {
		return err == nil, nil
	}
}

// waitStep is how often a condition is looked at.
const waitStep = 20 * time.Millisecond

// waitFor waits for d or until holds says that it holds, or never will. Reference:
// why never is not said.
func waitFor(r *cli.Request, d time.Duration, condition bool, holds func() (bool, error)) {
	end := time.NewTimer(d)
	defer end.Stop()
	step := time.NewTicker(waitStep)
	defer step.Stop()
	for {
		switch ok, err := holds(); {
		case err != nil:
			r.Fail("Failed.")
			return
		case ok:
			r.Message(cli.Info, "Done.")
			return
		}
		select {
		case <-end.C:
			if condition {
				r.Fail("Wait delay expired.")
			} else {
				r.Message(cli.Info, "Done.")
			}
			return
		case <-step.C:
			if r.PeerGone() {
				return
			}
		case <-r.Context().Done():
			r.Fail("Interrupted.")
			return
		}
	}
}
