package check

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

// LevelInfo is the level of results in e-mail alerts.
const LevelInfo = 6

// Mailers is a mailers section: each gets every alert.
type Mailers struct {
	Name    string
	Servers []Mailer
	Timeout time.Duration
}

// Mailer is one SMTP server.
type Mailer struct {
	Name string
	Addr *loop.Sockaddr
}

// Alerts is what a proxy says about e-mail alerts. It is read-only once built.
type Alerts struct {
	Mailers        *Mailers
	From, To, Host string
	Level          int // the highest level that is sent
}

// Mailroom sends e-mail alerts: a queue and a goroutine for each mailer of a
// proxy, so that one that hangs holds nobody up.
type Mailroom struct {
	Of    map[*proxy.Proxy]*Alerts
	Clock clock.Source
	// Failed is told of an alert that was not sent; nil is nobody.
	Failed func(mailer string, err error)

	queues map[*proxy.Proxy][]chan string
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// maxAlerts is how many alerts may wait for a mailer; more are dropped.
const maxAlerts = 100

func (m *Mailroom) start(dial Dial) {
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	if m.Clock == nil {
		m.Clock = clock.System
	}
	m.queues = map[*proxy.Proxy][]chan string{}
	for p, a := range m.Of {
		for _, to := range a.Mailers.Servers {
			q := make(chan string, maxAlerts)
			m.queues[p] = append(m.queues[p], q)
			m.wait.Go(func() { m.deliver(ctx, dial, a, to, q) })
		}
	}
}

func (m *Mailroom) stop() {
	m.cancel()
	m.wait.Wait()
}

// mail queues an alert when the proxy wants one of that level.
func (c *Checker) mail(p *proxy.Proxy, level int, text string) {
	if c.Mail == nil || c.Mail.Of[p] == nil || level > c.Mail.Of[p].Level {
		return
	}
	for _, q := range c.Mail.queues[p] {
		select {
		case q <- text:
		default:
		}
	}
}

func (m *Mailroom) deliver(ctx context.Context, dial Dial, a *Alerts, to Mailer, q chan string) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-q:
			if err := m.send(ctx, dial, a, to, text); err != nil && m.Failed != nil {
				m.Failed(to.Name, err)
			}
		}
	}
}

// send has one SMTP dialogue (RFC 5321 section 3).
func (m *Mailroom) send(ctx context.Context, dial Dial, a *Alerts, to Mailer, text string) error {
	ctx, cancel := context.WithTimeout(ctx, a.Mailers.Timeout)
	defer cancel()
	network, address := dialAddress(to.Addr)
	conn, err := dial(ctx, nil, network, address)
	if err != nil {
		return fmt.Errorf("mailer %s: %w", to.Name, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	in := bufio.NewReader(conn)
	message := m.message(a, text)
	for _, step := range []struct{ say, want string }{
		{"", "220"}, {"HELO " + a.Host + "\r\n", "250"}, {"MAIL FROM:<" + a.From + ">\r\n", "250"},
		{"RCPT TO:<" + a.To + ">\r\n", "250"}, {"DATA\r\n", "354"}, {message, "250"}, {"QUIT\r\n", "221"},
	} {
		if _, err := conn.Write([]byte(step.say)); err != nil {
			return fmt.Errorf("mailer %s: %w", to.Name, err)
		}
		if err := reply(in, step.want); err != nil {
			return fmt.Errorf("mailer %s: after %q: %w", to.Name, strings.TrimSpace(step.say[:min(len(step.say), 20)]), err)
		}
	}
	return nil
}

// message is the alert itself; a line of one dot would end it (RFC 5321 section
// 4.5.2), but an alert is one line that begins with a letter.
func (m *Mailroom) message(a *Alerts, text string) string {
	text = strings.TrimSuffix(text, ".") // reference: without its final dot
	return fmt.Sprintf("From: %s\r\nTo: %s\r\nDate: %s\r\nSubject: [HAProxy Alert] %s\r\n\r\n%s\r\n\r\n.\r\n",
		a.From, a.To, m.Clock.Wall().Format("Mon, 02 Jan 2006 15:04:05 -0700 (MST)"), text, text)
}

// reply reads a reply, whose last line has no dash behind its code.
func reply(in *bufio.Reader, want string) error {
	for {
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return err
		case !strings.HasPrefix(line, want):
			return fmt.Errorf("the mailer answers %q", strings.TrimSpace(line))
		case len(line) < 4 || line[3] != '-':
			return nil
		}
	}
}
