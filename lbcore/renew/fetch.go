package renew

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/h1"
	"gohap/lbcore/message"
)

// What is asked of a responder: how long a connection and the whole exchange may take,
// how often it is tried again and after how long, and how much it may say.
const (
	connectTime  = 5 * time.Second
	exchangeTime = 10 * time.Second
	retries      = 3
	retryPause   = time.Second
	mostBytes    = 256 << 10
)

// answer is what a responder said, and for a log how it came to that.
type answer struct {
	status int
	kind   string // content-type
	body   []byte

	began          time.Time
	connect, first time.Duration // -1 for never
	total          time.Duration
	bytes, retried int
	state          string // of the end, as logs have it
}

// target is where a request goes and how it begins.
type target struct {
	network string // address to connect to
	host    string
	secure  bool
	method  string
	uri     string
	body    []byte
}

// aim says how a responder is asked (RFC 6960 appendix A).
func (u *Updater) aim(r *certs.Renewal) (*target, error) {
	at, err := url.Parse(r.URL)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("'%s' is no address of a responder", r.URL)
	}
	der, err := r.Request()
	if err != nil {
		return nil, err
	}
	t := &target{network: at.Host, host: at.Host, secure: at.Scheme == "https", method: "GET"}
	if at.Port() == "" {
		t.network = net.JoinHostPort(at.Hostname(), map[bool]string{false: "80", true: "443"}[t.secure])
	}
	text := base64.StdEncoding.EncodeToString(der)
	const longest = 255
	if len(text) < longest {
		t.uri = strings.TrimSuffix(at.EscapedPath(), "/") + "/" + url.QueryEscape(text)
	} else {
		t.method, t.uri, t.body = "POST", at.RequestURI(), der
	}
	if u.Proxy != "" && !t.secure {
		t.network = u.Proxy
		t.uri = "http://" + at.Host + t.uri
	}
	return t, nil
}

func (t *target) head() []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nhost: %s\r\naccept: */*\r\nuser-agent: gohap\r\nconnection: close\r\n", t.method, t.uri, t.host)
	if t.body != nil {
		b = fmt.Appendf(b, "content-type: application/ocsp-request\r\ncontent-length: %d\r\n", len(t.body))
	}
	return append(append(b, "\r\n"...), t.body...)
}

// fetch asks a responder; what fails is logged as the exchange that it was.
func (u *Updater) fetch(r *certs.Renewal) (*answer, error) {
	a := &answer{began: u.Clock.Wall(), connect: -1, first: -1}
	t, err := u.aim(r)
	if err != nil {
		return a, err
	}
	start := u.Clock.Mono()
	for {
		if err = u.exchange(t, a); err == nil || a.connect >= 0 || a.retried == retries {
			break
		}
		a.retried++
		if !u.Wait(u.ctx, retryPause) {
			return a, u.ctx.Err()
		}
	}
	a.total = time.Duration(u.Clock.Mono() - start)
	if err != nil && u.ctx.Err() == nil {
		a.status = map[bool]int{false: 503, true: 504}[errors.Is(err, errSlow)]
		u.Log(LevelInfo, a.line(t))
	}
	return a, err
}

// line is an exchange as the HTTP log format has it.
func (a *answer) line(t *target) string {
	uri := t.uri
	if strings.HasPrefix(uri, "/") {
		uri = map[bool]string{false: "http://", true: "https://"}[t.secure] + t.host + uri
	}
	ms := func(d time.Duration) int64 {
		if d < 0 {
			return -1
		}
		return d.Milliseconds()
	}
	return fmt.Sprintf(`-:- [%s] <OCSP-UPDATE> -/- 0/0/%d/%d/%d %d %d - - %s 0/0/0/0/%d 0/0 {} "%s %s HTTP/1.1"`,
		a.began.Format("02/Jan/2006:15:04:05.000"), ms(a.connect), ms(a.first), ms(a.total), a.status, a.bytes, a.state, a.retried, t.method, uri)
}

// errSlow is a responder that did not say all in its time.
var errSlow = errors.New("the responder takes too long")

// exchange has one exchange over one connection.
func (u *Updater) exchange(t *target, a *answer) error {
	start := u.Clock.Mono()
	ctx, cancel := context.WithTimeout(u.ctx, connectTime)
	defer cancel()
	a.state = "SC--"
	conn, err := u.Dial(ctx, "tcp", t.network)
	if err == nil && t.secure {
		host, _, _ := net.SplitHostPort(t.network)
		over := tls.Client(conn, &tls.Config{ServerName: host})
		if err = over.HandshakeContext(ctx); err != nil {
			conn.Close()
		}
		conn = over
	}
	if err != nil {
		if ctx.Err() != nil && u.ctx.Err() == nil {
			a.state, err = "sC--", context.DeadlineExceeded
		}
		return err
	}
	defer conn.Close()
	a.connect = time.Duration(u.Clock.Mono() - start)
	within, end := context.WithTimeout(u.ctx, exchangeTime)
	defer end()
	stop := context.AfterFunc(within, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	a.state = "SH--"
	if _, err := conn.Write(t.head()); err != nil {
		return err
	}
	err = u.receive(conn, a, u.Clock.Mono())
	switch {
	case err == nil:
		a.state = "----"
	case within.Err() != nil:
		a.state, err = "s"+a.state[1:], errSlow
	}
	return err
}

// receive reads one response.
func (u *Updater) receive(conn io.Reader, a *answer, since int64) error {
	var d h1.Decoder
	var head *message.Head
	var raw []byte
	buf := make([]byte, 16<<10)
	for at := 0; ; {
		n, err := conn.Read(buf)
		raw = append(raw, buf[:n]...)
		if a.bytes += n; head == nil {
			try := new(message.Head)
			d.Reset()
			used, st := d.Response(bytes.Clone(raw), try, &h1.Options{}, &h1.RequestInfo{Method: message.GET})
			switch {
			case st == h1.Failed:
				a.state = "PH--"
				return errors.New("the responder's answer is broken")
			case st == h1.Done:
				head, at, a.state = try, used, "SD--"
				a.first = time.Duration(u.Clock.Mono() - since)
				a.status, a.kind = head.Status, valueOf(head, "content-type")
			}
		}
		if head != nil {
			if body, end := bodyOf(head, raw[at:], err == io.EOF); end {
				a.body = body
				return nil
			}
		}
		switch {
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case len(raw) > mostBytes:
			a.state = "PD--"
			return errors.New("the responder's answer is too long")
		}
	}
}

func valueOf(head *message.Head, name string) string {
	for i := range head.Fields {
		if f := &head.Fields[i]; f.Flags&message.FieldDeleted == 0 && strings.EqualFold(string(f.Name), name) {
			return string(f.Value)
		}
	}
	return ""
}

// bodyOf takes the framing off what there is of a body, and tells whether it is whole.
func bodyOf(head *message.Head, raw []byte, eof bool) (body []byte, end bool) {
	switch f := head.Flags; {
	case f.Has(message.NoBody):
		return nil, true
	case f.Has(message.Chunked):
		return dechunk(raw)
	case f.Has(message.HasLength):
		if int64(len(raw)) < head.BodyLen {
			return nil, false
		}
		return raw[:head.BodyLen], true
	}
	return raw, eof
}

// dechunk joins chunks (RFC 9112 section 7.1).
func dechunk(b []byte) (body []byte, end bool) {
	for {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		digits, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 31)
		switch {
		case !ok || err != nil:
			return nil, false
		case n == 0:
			return body, true
		case uint64(len(rest)) < n+2:
			return nil, false
		}
		body, b = append(body, rest[:n]...), rest[n+2:]
	}
}
