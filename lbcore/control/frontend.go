package control

import (
	"strconv"
	"strings"

	"gohap/lbcore/cli"
	"gohap/lbcore/proxy"
)

// frontend finds the frontend that the first word names, or answers why not.
func (c *Control) frontend(r *cli.Request) *proxy.Proxy {
	if len(r.Args) == 0 {
		r.Fail("A frontend name is expected.")
		return nil
	}
	p := c.frontendNamed(r.Args[0])
	if p == nil {
		r.Fail("No such frontend.")
	}
	return p
}

// frontendNamed returns a frontend, nil for none.
func (c *Control) frontendNamed(name string) *proxy.Proxy {
	for _, p := range c.Proxies {
		if p.IsFrontend && p.Name == name {
			return p
		}
	}
	return nil
}

// onFrontend makes a command of what is done to a frontend.
func onFrontend(do func(*cli.Request, *Control, *proxy.Proxy)) func(*cli.Request) {
	return func(r *cli.Request) {
		c := control(r)
		if p := c.frontend(r); p != nil {
			do(r, c, p)
		}
	}
}

// switchFrontend makes the commands enable and disable.
func switchFrontend(on bool, word string) func(*cli.Request) {
	return onFrontend(func(r *cli.Request, c *Control, p *proxy.Proxy) {
		switch {
		case proxy.State(p.State.Load()) == proxy.Stopped:
			r.Fail("Frontend was previously shut down, cannot %s.", word)
		case !c.SetFrontend(p, on):
			r.Message(cli.Notice, "All sockets are already %sd.", word)
		}
	})
}

func shutdownFrontend(r *cli.Request, c *Control, p *proxy.Proxy) {
	if proxy.State(p.State.Load()) == proxy.Stopped {
		r.Message(cli.Notice, "Frontend was already shut down.")
		return
	}
	c.StopFrontend(p)
}

// number reads the word at a place as the reference does: what leads, zero for
// none. It answers missing where there is no word, and refuses what is below zero
// or above most.
func number(r *cli.Request, at int, missing string, most int64) (int64, bool) {
	if len(r.Args) <= at {
		r.Fail("%s", missing)
		return 0, false
	}
	text := r.Args[at]
	digits := strings.TrimLeft(strings.TrimPrefix(text, "-"), "0123456789")
	n, err := strconv.ParseInt(text[:len(text)-len(digits)], 10, 64)
	if err != nil && len(digits) < len(strings.TrimPrefix(text, "-")) || n < 0 || n > most {
		r.Fail("Value out of range.")
		return 0, false
	}
	return n, true
}

func setFrontendMaxconn(r *cli.Request, c *Control, p *proxy.Proxy) {
	n, ok := number(r, 1, "Integer value expected.", 1<<31-1)
	if !ok {
		return
	}
	if n == 0 { // reference: nobody gets in
		n = -1
	}
	p.Maxconn.Store(n)
	c.Readmit()
}

// setGlobalMaxconn changes how many connections the process takes, up to what it
// was started with; zero means that.
func setGlobalMaxconn(r *cli.Request) {
	c := control(r)
	n, ok := number(r, 0, "Expects an integer value.", c.Process.HardMaxconn)
	if !ok {
		return
	}
	if n == 0 {
		n = c.Process.HardMaxconn
	}
	c.Process.Maxconn.Store(n)
	c.Readmit()
}

const rateLimits = `'set rate-limit' only supports :
   - 'connections global' to set the per-process maximum connection rate
   - 'sessions global' to set the per-process maximum session rate
   - 'ssl-sessions global' to set the per-process maximum SSL session rate
   - 'http-compression global' to set the per-process maximum compression speed in kB/s`

func setRateLimit(r *cli.Request) {
	c := control(r)
	if len(r.Args) < 2 || r.Args[1] != "global" {
		r.Fail("%s", rateLimits)
		return
	}
	var store func(int64)
	switch r.Args[0] {
	case "connections":
		store = c.Process.MaxConnRate.Store
	case "sessions":
		store = c.Process.MaxSessRate.Store
	case "ssl-sessions":
		store = c.Process.SSL.MostRate.Store
	case "http-compression":
		r.Fail("'http-compression' is known to HAProxy, not implemented by gohap.")
		return
	default:
		r.Fail("%s", rateLimits)
		return
	}
	if n, ok := number(r, 2, "Expects an integer value.", 1<<31-1); ok {
		store(n)
		c.Readmit()
	}
}

func shutdownSession(r *cli.Request) {
	var address uint64
	if len(r.Args) > 0 {
		address, _ = strconv.ParseUint(strings.TrimPrefix(r.Args[0], "0x"), 16, 64)
	}
	switch {
	case address == 0:
		r.Fail("Session pointer expected (use 'show sess').")
	case !control(r).ShutdownStream(address):
		r.Fail("No such session (use 'show sess').")
	}
}
