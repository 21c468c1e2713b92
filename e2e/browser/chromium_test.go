package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a browser may take for one thing.
const patience = 30 * time.Second

// binary finds a Chromium, or skips the test.
func binary(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed (Debian package chromium-headless-shell)")
	return ""
}

// chromium is a browser with one page.
type chromium struct {
	t       *testing.T
	to      *os.File
	session string

	mu      sync.Mutex // guards what follows
	id      int
	answers map[int]chan message
	events  map[string]int // how often each came
	arrived chan struct{}  // gets one for each event, when there is room
}

// message is what goes over the pipe: JSON objects, a zero byte behind each.
type message struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// start runs a browser until the test's end and opens a page.
func start(t *testing.T) *chromium {
	t.Helper()
	cmd := exec.Command(binary(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	theirIn, ourOut := pipe(t)
	ourIn, theirOut := pipe(t)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	c := &chromium{t: t, to: ourOut, answers: map[int]chan message{}, events: map[string]int{}, arrived: make(chan struct{}, 1)}
	gone := make(chan struct{})
	go func() {
		c.listen(ourIn)
		close(gone)
	}()
	t.Cleanup(func() {
		ourOut.Close() // the browser ends with its pipe
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	})
	var target struct{ TargetID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	c.session = attached.SessionID
	c.call("Page.enable", nil, nil)
	c.call("Network.enable", nil, nil)
	return c
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// listen reads answers and events until the browser ends.
func (c *chromium) listen(from *os.File) {
	r := bufio.NewReader(from)
	for {
		line, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(line[:len(line)-1], &m) != nil {
			continue
		}
		c.mu.Lock()
		if answer := c.answers[m.ID]; answer != nil {
			delete(c.answers, m.ID)
			answer <- m
		} else {
			c.events[m.Method]++
		}
		c.mu.Unlock()
		select {
		case c.arrived <- struct{}{}:
		default:
		}
	}
}

// call asks the browser for something.
func (c *chromium) call(method string, params, into any) {
	c.t.Helper()
	answer := make(chan message, 1)
	c.mu.Lock()
	c.id++
	m := message{ID: c.id, Method: method, Session: c.session, Params: params}
	c.answers[c.id] = answer
	c.mu.Unlock()
	text, err := json.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.to.Write(append(text, 0)); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			c.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if into == nil {
			return
		}
		if err := json.Unmarshal(m.Result, into); err != nil {
			c.t.Fatalf("%s: %v", method, err)
		}
	case <-time.After(patience):
		c.t.Fatalf("%s: no answer", method)
	}
}

// loads returns how often a page was loaded so far.
func (c *chromium) loads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events["Page.loadEventFired"]
}

// loaded waits until a page was loaded more often than before.
func (c *chromium) loaded(before int) {
	c.t.Helper()
	for limit := time.After(patience); c.loads() <= before; {
		select {
		case <-c.arrived:
		case <-limit:
			c.t.Fatal("no page is loaded")
		}
	}
}

// open loads a page.
func (c *chromium) open(url string) {
	c.t.Helper()
	before := c.loads()
	c.call("Page.navigate", map[string]any{"url": url}, nil)
	c.loaded(before)
}

// eval returns what an expression gives in the page.
func (c *chromium) eval(expression string) string {
	c.t.Helper()
	var r struct {
		Result struct {
			Value any
		}
		ExceptionDetails *struct{ Text string }
	}
	c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		c.t.Fatalf("%s: %s", expression, r.ExceptionDetails.Text)
	}
	return strings.TrimSpace(fmt.Sprint(r.Result.Value))
}
