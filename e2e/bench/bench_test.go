package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const wrkReport = `Running 3s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.44ms  200.00us   9.00ms   90.00%
  118189 requests in 3.00s, 22.54MB read
Requests/sec:  39350.12
Transfer/sec:      7.51MB
`

func TestParseWrk(t *testing.T) {
	requests, seconds, err := parseWrk(wrkReport)
	if err != nil || requests != 118189 || seconds != 3 {
		t.Errorf("%d requests in %v s, error %v", requests, seconds, err)
	}
	for name, report := range map[string]string{
		"errors":     strings.Replace(wrkReport, "Requests/sec", "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec", 1),
		"no success": strings.Replace(wrkReport, "Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec", 1),
		"nothing":    strings.Replace(wrkReport, "118189", "0", 1),
		"garbage":    "wrk: command not found",
	} {
		if _, _, err := parseWrk(report); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCountCalls(t *testing.T) {
	data, all := countCalls(`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000           1       200           sendto
 30.00    0.300000           1       201         1 recvfrom
 10.00    0.100000           1        10           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           1       411         1 total
`)
	if data != 401 || all != 411 {
		t.Errorf("%d data calls of %d, want 401 of 411", data, all)
	}
}

func sample() *results {
	r := &results{}
	for _, p := range profiles {
		switch p.kind {
		case perRequest:
			for round := range 3 {
				r.add(&p, reference, turn{Requests: 1e6, Seconds: 3, CPUMicros: 123.45 + float64(round)})
				r.add(&p, gohap, turn{Requests: 1e6, Seconds: 3, CPUMicros: 100 + float64(round), Calls: 4})
				r.add(&p, prototype, turn{Requests: 1e6, Seconds: 3, CPUMicros: 62.225})
			}
		case sharedTable:
			for _, name := range []string{reference, gohap} {
				appendTo(&r.Sharing, p.name, name, sharing{LearnMicros: 1.5, LearnRate: 1234567, EntryBytes: 100, TeachRate: 1e6, ChangeBytes: 20})
			}
		case ofFleet:
			for round := range 3 {
				appendTo(&r.Joined, p.name, alone, turn{Requests: 1e6, Seconds: 3, CPUMicros: 100 + float64(round)})
				appendTo(&r.Joined, p.name, joined, turn{Requests: 1e6, Seconds: 3, CPUMicros: 101 + float64(round)})
			}
		case atRate, expiring:
			for _, name := range []string{reference, gohap, prototype} {
				r.addPercentiles(&p, name, percentiles{Rate: 123456, P50: 1, P99: 1234567, P999: 1234567, Max: 99999999})
			}
		case idleMemory:
			r.addIdle(&p, reference, 1401)
			r.addIdle(&p, gohap, 142)
		case perCall:
			r.addCalls(&p, reference, 4, 4.5)
		}
	}
	return r
}

func TestTable(t *testing.T) {
	text := sample().table()
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("over 80 columns: %q", line)
		}
	}
	for _, p := range profiles {
		if (p.kind == perRequest || p.kind == idleMemory || p.kind == sharedTable || p.kind == expiring) && !strings.Contains(text, p.what) {
			t.Errorf("no line %q", p.what)
		}
	}
	// 124.45 / 101 of the medians, and of the rounds 123.45/100 to 125.45/102.
	if !strings.Contains(text, "124.45     101.00    1.23   1.23-1.23    2.00") {
		t.Errorf("ratio, range or prototype is wrong:\n%s", text)
	}
	if !strings.Contains(text, "101.00     102.00   1.0 %     1.0-1.0") {
		t.Errorf("what a fleet costs is wrong:\n%s", text)
	}
}

func TestReplaceSection(t *testing.T) {
	text := "above\n" + sectionBegin + "old\n" + sectionEnd + "below\n"
	got, err := replaceSection(text, "new\n")
	if want := "above\n" + sectionBegin + "new\n" + sectionEnd + "below\n"; err != nil || got != want {
		t.Errorf("%q, error %v", got, err)
	}
	if _, err := replaceSection("nothing here", "new"); err == nil {
		t.Error("no error without the marks")
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v", c.values, got)
		}
	}
}

// Both proxies get the same text but for the port and the socket.
func TestConfigIsTheSame(t *testing.T) {
	for _, p := range profiles {
		a := p.config("1111", "/a.sock", "127.0.0.1:514", "/certs", []string{"1", "2"})
		b := p.config("2222", "/b.sock", "127.0.0.1:514", "/certs", []string{"1", "2"})
		if strings.NewReplacer("1111", "2222", "/a.sock", "/b.sock").Replace(a) != b {
			t.Errorf("%s: the configurations differ", p.name)
		}
	}
	if text := profileNamed("rules").config("1", "s", "l", "", nil); strings.Count(text, "use_backend") != 50 ||
		strings.Count(text, "set-header") != 20 {
		t.Error("the rules profile has not its 50 and 20 rules")
	}
}
