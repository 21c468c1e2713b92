package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// valueContexts are configurations around one value, and how gohap's parsers
// are asked about it there.
var valueContexts = map[string]struct {
	config string
	ours   func(text string) error
}{
	"bind":          {"listen l\n bind %s\n", addressError("'bind' : ", &BindRules)},
	"server":        {"backend l\n server s %s\n", addressError("'server l/s' : ", &ServerRules)},
	"resolve":       {"backend l\n server s %s\n", resolveLater},
	"log":           {"global\n log %s local0\n", addressError("log : ", &LogRules)},
	"nameserver":    {"resolvers r\n nameserver n %s\n", addressError("'nameserver n' : ", &NameserverRules)},
	"source":        {"backend r\n source %s\n", addressError("'source %s' : ", &SourceRules)},
	"server-source": {"backend l\n server s 1.1.1.1:80 source %s\n", withDot(addressError("'server l/s' : 'source %s' : ", &ServerSource))},
	"check-addr":    {"backend l\n server s 1.1.1.1:80 addr %s\n", withDot(addressError("'server l/s' : 'addr' : ", &CheckRules))},
	"time":          {"defaults\n timeout connect %s\n", timeoutConnect},
	"inter":         {"backend l\n server s 1.1.1.1:80 check inter %s\n", inter},
	"size":          {"global\n tune.pipesize %s\n", pipesize},
}

var valueEnv = []string{"HOME=/root", "P8=8080", "H1=127.0.0.1", "LST=:81,:82"}

// addressError returns a parser whose errors look as the keyword prints them.
func addressError(prefix string, rules *AddressRules) func(string) error {
	return func(text string) error {
		r := *rules
		r.Env = NewEnviron(valueEnv).Lookup
		r.Resolve = hostsFile
		r.CheckFD = func(int) error { return errors.New("Bad file descriptor") }
		_, err := ParseAddresses(text, &r)
		if rules == &ServerRules {
			_, err = ParseAddress(text, &r)
		}
		if err == nil {
			return nil
		}
		return errors.New(strings.ReplaceAll(prefix, "%s", text) + err.Error())
	}
}

// withDot ends a message as words of a server line do.
func withDot(parse func(string) error) func(string) error {
	return func(text string) error {
		if err := parse(text); err != nil {
			return fmt.Errorf("%w.", err)
		}
		return nil
	}
}

// hostsFile knows localhost alone, in IPv4 as the machine's hosts file does.
func hostsFile(host string, family Family) (netip.Addr, error) {
	if host == "localhost" && family != IPv6 {
		return netip.MustParseAddr("127.0.0.1"), nil
	}
	return netip.Addr{}, errors.New("unknown host")
}

// resolveLater does what the builder does with a server's name.
func resolveLater(text string) error {
	r := ServerRules
	r.Env = NewEnviron(valueEnv).Lookup
	a, err := ParseAddress(text, &r)
	if err != nil || a.Host == "" {
		return err
	}
	if _, err := hostsFile(a.Host, a.Family); err != nil {
		return errors.New("'server l/s' : " + CouldNotResolve(a.Host))
	}
	return nil
}

func timeoutConnect(text string) error {
	v, err := ParseTime(text, time.Millisecond)
	switch {
	case errors.Is(err, ErrTimeOverflow):
		return errors.New(OverflowText(text, "timeout connect"))
	case err != nil:
		return fmt.Errorf("%w in 'timeout connect'", err)
	case v.Trailing != "":
		return errors.New(v.TrailingText(text))
	case v.Small():
		return errors.New(v.SmallText("timeout connect", "defaults ''"))
	}
	return nil
}

func inter(text string) error {
	v, err := ParseTime(text, time.Millisecond)
	if err != nil || !v.Small() {
		return err
	}
	return errors.New("'server l/s' : " + v.SmallText("inter", "server 's'"))
}

func pipesize(text string) error {
	_, err := ParseSize(text)
	var c *CharError
	if errors.As(err, &c) {
		return fmt.Errorf("unexpected '%s' after size passed to 'tune.pipesize'", c.Rest)
	}
	return err
}

// TestValues holds the messages about addresses, times and sizes against the
// reference's, committed and live.
func TestValues(t *testing.T) {
	const path = "testdata/values/cases.txt"
	lines := strings.Split(strings.TrimSuffix(oracle.ReadFile(t, path), "\n"), "\n")
	live := hasReference()
	for i, line := range lines {
		if strings.HasPrefix(line, "#") {
			continue
		}
		context, rest, _ := strings.Cut(line, "\t")
		value, want, ok := strings.Cut(rest, "\t")
		c, known := valueContexts[context]
		if !ok || !known {
			t.Fatalf("%s:%d: bad line %q", path, i+1, line)
		}
		if live && (*update || i%8 == 0) { // every eighth is enough to see a drift
			says := referenceSays(t, strings.Replace(c.config, "%s", value, 1))
			if *update {
				lines[i], want = context+"\t"+value+"\t"+says, says
			} else if says != want {
				t.Errorf("%s %s: the reference says %q, the table %q", context, value, says, want)
			}
		}
		got := "ok"
		if err := c.ours(value); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", context, value, got, want)
		}
	}
	if *update && live {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func hasReference() bool {
	_, err := oracle.Haproxy()
	return err == nil
}

var place = regexp.MustCompile(`^(parsing )?\[[^]]*:\d+\] ?: `)

// referenceSays returns the first message about a configuration, without tag,
// pid and place.
func referenceSays(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	stderr, _ := oracle.Ask(t, "", valueEnv, "-c", "-f", file)
	for _, line := range strings.Split(string(stderr), "\n") {
		_, text, ok := strings.Cut(line, ") : ")
		text = strings.TrimPrefix(text, "config : ")
		if !ok || strings.HasPrefix(line, "[NOTICE]") || strings.HasPrefix(text, "missing timeouts") || strings.Contains(text, " found in configuration") {
			continue
		}
		return place.ReplaceAllString(text, "")
	}
	return "ok"
}
