//lint:file-ignore ST1005 the reference's messages are printed as they are

package renew

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/clock"
)

// Syslog's levels of the lines that updates write.
const (
	LevelNotice = 5 // how an update went
	LevelInfo   = 6 // an exchange over HTTP that failed
)

// Outcome is how an update went; its number is shown (reference).
type Outcome int

// The outcomes.
const (
	Unknown Outcome = iota // none was tried
	Updated
	HTTPError
	WrongType
	NotChecked
	NotInserted
)

func (o Outcome) String() string {
	return [...]string{"Unknown", "Update successful", "HTTP error", `Missing "ocsp-response" header`, "OCSP response check failure", "Error during insertion"}[o]
}

// Updater keeps the responses of a store up to date. The fields are set before Start.
type Updater struct {
	Store *certs.Store
	// Least and Most bound the time between two updates of a response.
	Least, Most time.Duration
	// Proxy is host and port of a proxy for http, "" for none.
	Proxy string
	Clock clock.Source // nil means the machine's clock
	// Dial opens a connection; nil means the machine's network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Wait sleeps for d and reports false when ctx ended; nil sleeps really.
	Wait func(ctx context.Context, d time.Duration) bool
	// Log takes a line for the process's log targets, with a syslog level; any
	// goroutine calls it.
	Log func(level int, line string)
	// Off is for no updates at all.
	Off bool

	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
	waking atomic.Pointer[context.CancelFunc] // ends the wait of run
	slots  chan struct{}                      // as many as updates may run

	mu      sync.Mutex // what follows
	entries map[string]*entry
}

// entry is what is known of one response.
type entry struct {
	certs.Renewal
	next, last          time.Time
	successes, failures int
	tries               int // failures since the last success
	outcome             Outcome
	detail              string
	kept                bool // up to date, by itself
	busy                bool
}

// idle is how long nothing is to be done at most: who has changed is told.
const idle = time.Hour

// Start begins to update.
func (u *Updater) Start() {
	if u.Clock == nil {
		u.Clock = clock.System
	}
	if u.Dial == nil {
		u.Dial = (&net.Dialer{}).DialContext
	}
	if u.Wait == nil {
		u.Wait = sleep
	}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	u.slots, u.entries = make(chan struct{}, 4), map[string]*entry{}
	u.Store.OnChange(u.changed)
	u.look()
	u.wait.Go(u.run)
}

// changed has the run look anew; it never waits.
func (u *Updater) changed() {
	if end := u.waking.Load(); end != nil {
		(*end)()
	}
}

// Stop ends all updates.
func (u *Updater) Stop() {
	if u.cancel == nil {
		return
	}
	u.Store.OnChange(nil)
	u.cancel()
	u.wait.Wait()
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// run begins each update in its time.
func (u *Updater) run() {
	for u.ctx.Err() == nil {
		woken, end := context.WithCancel(u.ctx)
		u.waking.Store(&end) // what changes from here on ends the wait
		u.look()
		u.Wait(woken, u.begin())
		end()
	}
}

// look takes over which responses the store wants now.
func (u *Updater) look() {
	wanted := u.Store.Renewals()
	u.mu.Lock()
	defer u.mu.Unlock()
	still := map[string]bool{}
	for _, r := range wanted {
		still[r.ID] = true
		e := u.entries[r.ID]
		if e == nil {
			e = &entry{next: u.Clock.Wall()}
			if !r.Until.IsZero() {
				e.next = u.after(r.Until)
			}
			u.entries[r.ID] = e
		}
		e.Renewal, e.kept = r, true
	}
	for id, e := range u.entries {
		if e.kept = still[id]; !e.kept && !e.busy {
			delete(u.entries, id)
		}
	}
}

// after is when a response that is good until then is to be updated.
func (u *Updater) after(until time.Time) time.Time {
	now := u.Clock.Wall()
	return now.Add(min(max(until.Sub(now), u.Least), u.Most))
}

// begin starts the updates that are due, and tells how long there is nothing to do.
func (u *Updater) begin() time.Duration {
	if u.Off {
		return idle
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	wait, now := idle, u.Clock.Wall()
	for _, e := range u.entries {
		switch d := e.next.Sub(now); {
		case e.busy || !e.kept:
		case d > 0:
			wait = min(wait, d)
		default:
			e.busy = true
			u.wait.Go(func() { u.update(e) })
		}
	}
	return wait
}

// Update updates one response as soon as can be, whether it is kept up to date or not.
// It does not wait for that.
func (u *Updater) Update(path string) error {
	r, err := u.Store.Renewal(path)
	switch {
	case err != nil:
		return err
	case u.Off:
		return errors.New("OCSP updates are switched off by 'ocsp-update.disable'.")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	e := u.entries[r.ID]
	if e == nil {
		e = &entry{}
		u.entries[r.ID] = e
	}
	if e.busy || u.ctx.Err() != nil {
		return nil
	}
	if !e.kept {
		e.Renewal = r
	}
	e.busy = true
	u.wait.Go(func() { u.update(e) })
	return nil
}

// update updates one response.
func (u *Updater) update(e *entry) {
	select {
	case u.slots <- struct{}{}:
	case <-u.ctx.Done():
		return
	}
	u.mu.Lock()
	r := e.Renewal
	u.mu.Unlock()
	outcome, detail, until := u.ask(&r)
	<-u.slots
	if u.ctx.Err() != nil {
		return
	}
	u.mu.Lock()
	e.busy, e.outcome, e.detail = false, outcome, detail
	if outcome == Updated {
		e.successes, e.tries, e.last, e.next = e.successes+1, 0, u.Clock.Wall(), u.after(until)
	} else {
		e.failures, e.tries = e.failures+1, e.tries+1
		e.next = u.Clock.Wall().Add(u.pause(e.tries))
	}
	line := fmt.Sprintf(`<OCSP-UPDATE> %s %d "%s" %d %d`, e.Path, outcome, told(outcome, detail), e.failures, e.successes)
	u.mu.Unlock()
	u.Log(LevelNotice, line)
	u.changed()
}

// pause is how long a response is left alone after so many failures.
func (u *Updater) pause(tries int) time.Duration {
	d := time.Minute * time.Duration(math.Exp2(float64(min(tries, 20))))
	return min(max(d, u.Least), u.Most)
}

// told words an outcome.
func told(o Outcome, detail string) string {
	if detail == "" {
		return o.String()
	}
	return o.String() + " (" + detail + ")"
}

// ask fetches a response and gives it to the store.
func (u *Updater) ask(r *certs.Renewal) (o Outcome, detail string, until time.Time) {
	a, err := u.fetch(r)
	switch {
	case err != nil || a.status/100 != 2:
		return HTTPError, "", until
	case !strings.HasPrefix(strings.ToLower(a.kind), "application/ocsp-response"):
		return WrongType, "", until
	}
	if err := r.Check(a.body); err != nil {
		return NotChecked, err.Error(), until
	}
	if err := u.Store.Insert(a.body); err != nil {
		return NotInserted, strings.TrimSuffix(err.Error(), "."), until
	}
	if now, err := u.Store.Renewal(r.Path); err == nil {
		until = now.Until
	}
	return Updated, "", until
}

// Describe lists the responses that are kept up to date, that of the nearest update
// first; any goroutine.
func (u *Updater) Describe() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []*entry
	for _, e := range u.entries {
		if e.kept {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int {
		if c := a.next.Compare(b.next); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	date := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Format("02/Jan/2006:15:04:05 -0700")
	}
	var b strings.Builder
	b.WriteString("OCSP Certid | Path | Next Update | Last Update | Successes | Failures | Last Update Status | Last Update Status (str)\n")
	for _, e := range all {
		o, detail := e.outcome, e.detail
		if e.busy { // reference: while one runs
			o, detail = Unknown, ""
		}
		fmt.Fprintf(&b, "%x | %s | %s | %s | %d | %d | %d | %s\n", e.ID, e.Path, date(e.next), date(e.last), e.successes, e.failures, o, told(o, detail))
	}
	return b.String()
}
