package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// cookieModes are the backends, each a few lines of configuration.
var cookieModes = []string{
	"cookie SRV insert",
	"cookie SRV insert indirect",
	"cookie SRV insert indirect nocache",
	"cookie SRV insert postonly nocache",
	"cookie SRV insert preserve",
	"cookie SRV insert indirect preserve",
	"cookie SRV insert nocache httponly secure domain .a.example domain b.example attr SameSite=Lax attr Priority=High",
	"cookie SRV insert maxidle 100s",
	"cookie SRV insert maxlife 200s",
	"cookie SRV insert indirect maxidle 100s maxlife 200s",
	"cookie SRV rewrite",
	"cookie SRV rewrite nocache",
	"cookie SRV rewrite postonly",
	"cookie SRV prefix",
	"cookie SRV prefix indirect",
	"cookie SRV prefix nocache",
	"cookie SRV",
	"cookie SRV indirect",
	"cookie SRV indirect preserve nocache",
	"cookie SRV insert\noption persist",
	"cookie SRV insert\nforce-persist if { req.hdr(x-force) 1 }\nignore-persist if { req.hdr(x-ignore) 1 }",
	"cookie SRV insert\noption redispatch",
	"cookie SRV insert\nuse-server s2 if { req.hdr(x-use) 1 }\nuse-server s3 if { req.hdr(x-use) 2 }\nuse-server %[req.hdr(x-name)] if { req.hdr(x-use) 3 }",
	"cookie SRV insert dynamic\ndynamic-cookie-key secret",
	"cookie SRV insert\nhttp-send-name-header X-Srv",
	"cookie SRV insert indirect nocache\nhttp-response set-header x-seen %[res.cook(SRV)]\nhttp-after-response set-header x-after %[res.cook(SRV)]\nhttp-request set-header x-seen %[req.cook(SRV)]",
	"cookie SRV insert\nhttp-request set-var(txn.r) req.hdr(x-return)\nhttp-request return status 200 if { req.hdr(x-return) 1 }\nhttp-response return status 201 if { var(txn.r) -m str 2 }",
	"cookie SRV insert\nbalance source",
	"cookie SRV insert indirect\nignore-persist if { req.hdr(x-ignore) 1 }\nuse-server s2 if { req.hdr(x-use) 1 }",
	"cookie SRV rewrite\nignore-persist if { req.hdr(x-ignore) 1 }\nuse-server s2 if { req.hdr(x-use) 1 }",
	"cookie SRV prefix\nignore-persist if { req.hdr(x-ignore) 1 }\nuse-server s2 if { req.hdr(x-use) 1 }\nuse-server s1 if { req.hdr(x-use) 1 }",
	"cookie SRV insert indirect maxidle 100\noption redispatch\nretries 1",
	"cookie SRV nocache", "cookie SRV postonly", "cookie SRV httponly secure", "cookie SRV dynamic\ndynamic-cookie-key x",
}

// cookieValues are cookie fields, good and odd.
var cookieValues = []string{
	"", "SRV=A", "SRV=B", "SRV=C", "SRV=Z", "SRV=E", "SRV=F", "SRV=G", "SRV=",
	"a=b; SRV=A", "SRV=A; a=b", "a=b; SRV=A; c=d", "a=b;SRV=A;c=d", "a=b,SRV=A,c=d", "a=b;SRV=A", "SRV=A;a=b",
	`SRV="A"`, "SRV =A", "SRV= A", "SRV = A ; b=c", ";SRV=A", "; SRV=A ;", "SRV=A;", "SRV=A; ", "SRV=A;;", "a=b;;SRV=A;;c=d",
	"SRV=A; SRV=B", "SRV=Z; SRV=B", "SRV=B; SRV=A; SRV=B", "srv=A", "SRVX=A", "XSRV=A", "$Version=1; SRV=A; $Path=/", "$Version=1; SRV=A; $Path=/; a=b",
	"a=b; SRV=A; $Path=/; c=d", "$SRV=A",
	"SRV", "SRV; a=b", "a; SRV=A", "a; SRV=A; b", "=x; SRV=A", "SRV=A=B", "a==; SRV=A", "a=; SRV=A",
	"SRV=A|", "SRV=A|x", "SRV=A|AAAAA", "SRV=A||", "SRV=A|AAAAA|AAAAA", "SRV=A|AAAAA|AAAAA|", "SRV=|AAAAA", "SRV=A||AAAAA",
	"SRV=A~tok", "SRV=A~", "SRV=~x", "SRV=Z~tok", "a=b; SRV=A~tok; c=d", "SRV=A~t~u", "SRV=A~tok; SRV=B~x", "SRV =A~tok", "SRV=C~tok", "SRV=~",
	`a="x;SRV=B"; SRV=A`, `a="x; SRV=A`, `a=\;SRV=A`, "a=1;  SRV=A  ; b=2", "a=1;\tSRV=A\t;\tb=2", "a = 1 ; SRV=A", "a=1 2 3; SRV=A", "a=1; b c; SRV=A", "a=1 ; SRV=A ; ",
	"SRV=A; a=b; SRV=B; c=d", "a=b,SRV=A;c=d", "a=b;SRV=A,c=d", "SRV=C; SRV=Z", "SRV=Z; SRV=C", "SRV=C; SRV=A", ";SRV=A;c=d", " ; SRV=A", ",SRV=A", "a=b; SRV=A; $Path=/;",
	"$Version = 1; a = ;SRV=A", "a b = c; SRV=A", "SRV=A; $Path", "$foo; SRV=A", "SRV=A;$P=x,$Q=y;b=c", "a=b;SRV=A;$P = x", "a=b;;;SRV=A", "a=b ;SRV=A ;", "SRV=A; ;b=c", "x=;SRV=;y=",
	"a=\"b\\\"c;d\";SRV=A", "SRV=\"A;b=c", "SRV=A\";b=c\"; d=e", "=; SRV=A; =", "==;SRV==A", "SRV=A;SRV=A~x;SRV", "SRV=A~x,SRV=~,SRV=B~;a=b",
	"SRV=A|awvnMx", "SRV=A|awv|awvnM", "SRV=A|awvnM|awv", "SRV=A|awvnMx|awvnM", "SRV=A|a\twvnM", "SRV=Z|zzzzz; SRV=A", "SRV=A; SRV=B|zzzzz", "SRV=A|zzzzz; SRV=B", "SRV=A|+/+/+|AAAAB",
	"SRV=A,a=b", "a=b,SRV=A", "SRV=A, SRV=B",
}

// cookieAnswers are fields of answers.
var cookieAnswers = [][]string{
	{},
	{"Set-Cookie: SRV=x"},
	{"Set-Cookie: a=b"},
	{"Set-Cookie: SRV=x; path=/"},
	{"Set-Cookie: SRV=x; path=/", "Set-Cookie: a=b"},
	{"Set-Cookie: a=b", "Set-Cookie: SRV=x; path=/", "Set-Cookie: SRV=y"},
	{"Set-Cookie: SRV = x ; Secure"},
	{"Set-Cookie: a = b ; Secure"},
	{"Set-Cookie: $a = b ; Secure"},
	{"Set-Cookie: SRV="},
	{"Set-Cookie: SRV= ; x"},
	{"Set-Cookie: SRV"},
	{"Set-Cookie: SRV=\"x;y\"; path=/"},
	{"Set-Cookie: SRV=A"},
	{"Set-Cookie2: SRV=x; Version=1"},
	{"Set-Cookie2: a=b, SRV=x; Version=1, c=d"},
	{"Set-Cookie: a=b, SRV=x; path=/, c=d"},
	{"Set-Cookie: SRV=x, a=b"},
	{"Set-Cookie: a=b; SRV=x"},
	{"Set-Cookie: a=b; expires=Thu, 01-Jan-1970 00:00:01 GMT, SRV=x"},
	{"Set-Cookie: srv=x"},
	{"Set-Cookie: SRVX=x"},
	{"Set-Cookie:"},
	{"Set-Cookie: ; SRV=x"},
	{"Set-Cookie: =x"},
	{"Set-Cookie:  SRV=x  "},
	{"Set-Cookie: $x=1; SRV=y"},
	{"Cache-Control: public"},
	{"Cache-Control: private"},
	{"Cache-Control: no-cache"},
	{"Cache-Control: no-store"},
	{"Cache-Control: max-age=10"},
	{"Cache-Control: max-age=0"},
	{"Cache-Control: s-maxage=10"},
	{"Cache-Control: s-maxage=0"},
	{"Cache-Control: no-cache=\"set-cookie\""},
	{"Cache-Control: no-cache=\"set-cookie\", max-age=10"},
	{"Cache-Control: public, max-age=10"},
	{"Cache-Control: private, max-age=10"},
	{"Cache-Control: max-age=10, private"},
	{"Cache-Control: max-age=10, no-cache"},
	{"Cache-Control: must-revalidate"},
	{"Cache-Control: MAX-AGE=10"},
	{"Cache-Control: max-age"},
	{"Pragma: no-cache"},
	{"Pragma: no-cache", "ETag: \"x\""},
	{"Pragma: public", "ETag: \"x\""},
	{"Expires: Thu, 01 Jan 2099 00:00:01 GMT"},
	{"ETag: \"x\""},
	{"Last-Modified: Thu, 01 Jan 2009 00:00:01 GMT"},
	{"Age: 10"},
	{"Vary: *", "ETag: \"x\""},
	{"Vary: Cookie", "ETag: \"x\""},
	{"302 Found", "ETag: \"x\""},
	{"302 Found", "Location: /x"},
	{"203 x", "ETag: x"}, {"206 x", "ETag: x"}, {"300 x", "ETag: x"}, {"301 x", "ETag: x"}, {"307 x", "ETag: x"}, {"308 x", "ETag: x"}, {"400 x", "ETag: x"},
	{"405 x", "ETag: x"}, {"410 x", "ETag: x"}, {"414 x", "ETag: x"}, {"451 x", "ETag: x"}, {"501 x", "ETag: x"}, {"503 x", "ETag: x"}, {"202 x", "ETag: x"},
	{"ETag: x", "Cache-Control: max-age=0"}, {"ETag: x", "Cache-Control: must-revalidate"}, {"Cache-Control: private=\"x\"", "ETag: x"},
	{"Cache-Control: no-store=x", "ETag: x"}, {"Cache-Control: max-age=00"}, {"Cache-Control: max-age=05"}, {"Cache-Control: max-age=\"0\""}, {"Cache-Control: max-age=0x"},
	{"Cache-Control: s-maxage=0, max-age=5"}, {"Cache-Control: max-age=5, s-maxage=0"}, {"Cache-Control: max-agee=5"}, {"Cache-Control: max-age =5"},
	{"ETag: x", "Cache-Control: no-cache-x"}, {"ETag: x", "Cache-Control: private-x"}, {"ETag:"}, {"Pragma: no-cachex", "ETag: x"}, {"Pragma: x, no-cache", "ETag: x"},
	{"Cache-Control: public, private", "ETag: x"}, {"Cache-Control: no-cache=x", "ETag: x"}, {"Cache-Control: PRIVATE", "ETag: x"}, {"Cache-Control: ,private", "ETag: x"},
	{"304 Not Modified", "ETag: \"x\""},
	{"404 Not Found", "ETag: \"x\""},
	{"500 Oops", "ETag: \"x\""},
	{"500 Oops", "Cache-Control: max-age=10"},
	{"201 Created", "ETag: \"x\""},
	{"Set-Cookie: SRV=x", "ETag: \"x\""},
	{"Set-Cookie: SRV=x", "Cache-Control: max-age=5"},
}

func cookieExchanges(mode int) []cookieExchange {
	var all []cookieExchange
	field := func(v string) []string {
		if v == "" {
			return nil
		}
		return []string{"Cookie: " + v}
	}
	for _, v := range cookieValues {
		all = append(all, cookieExchange{"GET", field(v), nil})
	}
	values, line := []string{"", "SRV=A"}, cookieModes[mode]
	if mode < 3 {
		values = append(values, "SRV=Z")
	}
	for _, a := range cookieAnswers {
		for _, v := range values {
			all = append(all, cookieExchange{"GET", field(v), a})
		}
	}
	for _, m := range []string{"POST", "HEAD", "PUT", "OPTIONS", "DELETE", "TRACE", "PATCH", "FOO"} {
		all = append(all, cookieExchange{m, nil, nil}, cookieExchange{m, nil, []string{"ETag: \"x\""}},
			cookieExchange{m, field("SRV=A"), []string{"Set-Cookie: SRV=x"}})
	}
	now := time.Now().Unix()
	for _, last := range []int64{0, 1, 2, 3, 10, 90, 110, 190, 210, 100000, -100, -80000, -90000} {
		if mode > 0 && !strings.Contains(line, "max") {
			break
		}
		for _, first := range []int64{0, 90, 110, 190, 210, 100000, -100, -90000} {
			all = append(all, cookieExchange{"GET", field("SRV=A|" + cookieDate(now-last) + "|" + cookieDate(now-first)), nil})
		}
		all = append(all, cookieExchange{"GET", field("SRV=A|" + cookieDate(now-last)), nil},
			cookieExchange{"GET", field("SRV=A||" + cookieDate(now-last)), nil},
			cookieExchange{"GET", field("SRV=A|" + cookieDate(now-last) + "|"), nil})
	}
	two := func(f ...string) { all = append(all, cookieExchange{"GET", f, nil}) }
	two("Cookie: a=b", "Cookie: SRV=A")
	two("Cookie: SRV=A", "Cookie: a=b")
	two("Cookie: SRV=A", "Cookie: SRV=B")
	two("Cookie: SRV=Z", "Cookie: SRV=B")
	two("Cookie:", "Cookie: SRV=B")
	two("Cookie2: SRV=A")
	two("Connection: keep-alive", "X-Srv: mine")
	for _, v := range []string{"", "SRV=A", "SRV=C", "SRV=G", "SRV=Z"} {
		if !strings.Contains(line, "(x-") {
			break
		}
		for _, h := range []string{"X-Use: 1", "X-Ignore: 1"} {
			all = append(all, cookieExchange{"GET", append(field(v), h), []string{"Set-Cookie: SRV=x"}})
		}
		for _, h := range []string{"X-Force: 1", "X-Ignore: 1", "X-Use: 1", "X-Use: 2", "X-Use: 3", "X-Return: 1", "X-Return: 2"} {
			two(append(field(v), h)...)
		}
		for _, n := range []string{"s1", "s2", "s3", "s9", "s7", ""} {
			two(append(field(v), "X-Use: 3", "X-Name: "+n)...)
		}
	}
	return all
}

// cookieTokens are what generated cookie fields are made of.
var cookieTokens = []string{"SRV", "SRV=A", "SRV=B", "SRV=C", "SRV=Z", "SRV=A~t", "SRV=~", "SRV=A|", "SRV=B|AAAAB", "a", "a=b", "$P=x", "$", "=", ";", "; ", ",", " ", "\"", "\\",
	";", "; ", "SRV", "=A"}

// generated makes n exchanges with cookie fields of random tokens, always the same.
func generated(mode, n int) []cookieExchange {
	r := rand.New(rand.NewPCG(1, uint64(mode)))
	field := func(name string) string {
		v := name
		for range 1 + r.IntN(7) {
			v += cookieTokens[r.IntN(len(cookieTokens))]
		}
		return v
	}
	all := make([]cookieExchange, n)
	for i := range all {
		all[i] = cookieExchange{"GET", []string{field("Cookie: ")}, []string{field("Set-Cookie: ")}}
	}
	return all
}

// TestCookies takes every fourth exchange of most modes, another one of each;
// GOHAP_COOKIES=all takes them all.
func TestCookies(t *testing.T) {
	haproxy, gohap := Installed(t, Haproxy), Installed(t, Gohap)
	var servers []string
	for i := range 5 {
		servers = append(servers, cookieServer(t, fmt.Sprintf("a%d", i)))
	}
	ref, our := startCookies(t, haproxy, servers), startCookies(t, gohap, servers)
	total, all := 0, 0
	for m, mode := range cookieModes {
		wrong := 0
		more := 20
		if os.Getenv("GOHAP_COOKIES") == "all" {
			more = 400
		}
		if strings.Contains(mode, "res.cook") { // the fetch reads odd set-cookie fields in a way of its own
			more = 0
		}
		for i, x := range append(generated(m, more), cookieExchanges(m)...) {
			if i >= more && m > 1 && (i+m)%4 != 0 && os.Getenv("GOHAP_COOKIES") != "all" {
				continue
			}
			total++
			want, err := ref.do(m, x)
			if err != nil {
				t.Fatalf("reference: %s: %s: %s", mode, x, err)
			}
			got, err := our.do(m, x)
			if err != nil {
				t.Fatalf("%s: %s: %s", mode, x, err)
			}
			now := time.Now().Unix()
			if want, got = ages(want, now), ages(got, now); got != want {
				all++
				if wrong++; wrong <= 3 {
					t.Errorf("%q: %s\n got %q\nwant %q", mode, x, got, want)
				}
			}
		}
	}
	t.Logf("%d exchanges, %d differ", total, all)
}
