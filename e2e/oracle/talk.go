package oracle

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Command sends a line of commands to a command socket and returns what is answered
// until the program closes, within twenty seconds.
func Command(socket, line string) (answer string, err error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	// The reference's master waits for the end of what it is asked.
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		return "", err
	}
	p, err := io.ReadAll(c)
	return string(p), err
}

// Eventually tells whether f says yes within a time; it is asked every 20 ms.
func Eventually(limit time.Duration, f func() bool) bool {
	for deadline := time.Now().Add(limit); !f(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Await waits until something holds and logs how long that took; where it never does,
// the test ends with what state says.
func Await(t testing.TB, what string, limit time.Duration, ok func() bool, state func() string) {
	t.Helper()
	begin := time.Now()
	if !Eventually(limit, ok) {
		t.Fatalf("not within %v: %s\n%s", limit, what, state())
	}
	t.Logf("%s: after %v", what, time.Since(begin).Round(10*time.Millisecond))
}

// Resident returns the memory of a process, in bytes.
func Resident(t testing.TB, pid int) int {
	t.Helper()
	p, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(p))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// Output is what a program writes while a test reads it.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns what was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
