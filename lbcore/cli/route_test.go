package cli

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// oneWorker leads to a single other process.
type oneWorker string

func (w oneWorker) Name() string { return "master" }

func (w oneWorker) Target(word string) (Target, bool) {
	switch word {
	case "@", "@master":
		return Target{}, true
	case "@1":
		return Target{Name: "7", Dial: func() (net.Conn, error) { return net.Dial("unix", string(w)) }}, true
	}
	return Target{}, false
}

// TestRouted talks to a process that leads to another one; the words are the
// reference's, see e2e/vtc/master_commands.vtc.
func TestRouted(t *testing.T) {
	worker := serve(t, &Server{}, Socket{Level: Admin})
	router := &Server{Commands: NewCommands(testSet(), OfMaster), Router: oneWorker(worker)}
	admin := serve(t, router, Socket{Level: Admin})
	for send, want := range map[string]string{
		"@1 show version\n":                                        "3.2.0\n\n",
		"@@1 show version; show cli level\n":                       "3.2.0\n\nadmin\n\n",
		"echo a; @@1 echo b\\;c; @1 x\n":                           "a\n\nb;c\n\nUnknown command: '@1'",
		"@@1\nshow version\nshow version\n":                        "3.2.0\n\n",
		"@@1 set map x <<\nk v\n\n":                                "args [\"x\"] payload \"k v\\n\"\n\n",
		"@@9 show version\n":                                       "Can't find the target PID matching the prefix '@@9'\n",
		"@@master show cli level\n":                                "admin\n\n",
		"prompt\n@@1 prompt\nshow version\nquit\n":                 "master> \n> 3.2.0\n\n> master> ",
		"prompt i\noperator\n@@1 show cli level\n":                 "operator\n\n",
		"prompt i\noperator\n@@1\nset map x y\n":                   "Permission denied\n\n",
		"operator\n":                                               "",
		"prompt i\nuser\noperator\nshow cli level\n":               "Permission denied!\nuser\n\n",
		"expert-mode on; @1 expert-mode; @1 experimental-mode\n":   "expert-mode is ON\n\nexperimental-mode is OFF\n\n",
		"prompt\nexpert-mode on\nexperimental-mode on\noperator\n": "master> master(e)> master(xe)> master> ",
		"prompt i\noperator\nexpert-mode on\n":                     "Permission denied!\n",
		"prompt n\n":                                               routedPromptHelp + "\n",
		"prompt p\n@1\nprompt\nshow version\n":                     "master> 7> 3.2.0\n\n",
	} {
		if got := ask(t, admin, send); got != want && !(strings.HasPrefix(want, "a\n") && strings.HasPrefix(got, want)) {
			t.Errorf("%q: %q, want %q", send, got, want)
		}
	}
}

// TestStaysUntilClosed: a connection that stays with another process ends with
// either of them, whatever that one is doing.
func TestStaysUntilClosed(t *testing.T) {
	for name, end := range map[string]func(worker, router *Server, c net.Conn){
		"worker": func(worker, _ *Server, _ net.Conn) { worker.Close() },
		"router": func(_, router *Server, _ net.Conn) { router.Close() },
		"client": func(worker, _ *Server, c net.Conn) { c.Close(); worker.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			began := make(chan struct{}, 1)
			worker := &Server{Opened: func() { began <- struct{}{} }}
			at := serve(t, worker, Socket{Level: Admin})
			router := &Server{Commands: NewCommands(testSet(), OfMaster), Router: oneWorker(at)}
			c, err := net.Dial("unix", serve(t, router, Socket{Level: Admin}))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, "@@1 hang\n"); err != nil {
				t.Fatal(err)
			}
			<-began
			ended := make(chan struct{})
			go func() { end(worker, router, c); close(ended) }()
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				t.Fatal("it does not end")
			}
		})
	}
}
