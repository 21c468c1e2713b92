package auth

import (
	"sync"
	"testing"
)

func TestMatch(t *testing.T) {
	for secret, right := range map[string]string{
		"$1$abc$B..HicC/afMveWeNyfNsf/":                                                                 "test",
		"$5$abc$xhLlZvoXRNo2v63CS0Ku6RxTjR8AtjqvUgTrPKnxyb1":                                            "test",
		"$6$abc$XdYVWINHFqAPqCkQNpBc64k/whmYeD3VETO0Hk79c4aGoQEvgiYKd/03lbc/XloI0fcMwRw.Rj.dZbn3LdPVz.": "test",
		"$5$rounds=10000$saltstringsaltstring$3xv.VbSCBX41eDL9L3voZredEUAjg0B0RYxoHUaK6C/":              "",
		"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW":                                  "U*U",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW":                                  "U*U",
		"$6$rounds=1000$saltstring$0":                                                                   "",
	} {
		if !Supported(secret) {
			t.Errorf("%s is not known", secret)
		}
		if right != "" && !Match(secret, right) {
			t.Errorf("%s: %q is refused", secret, right)
		}
		if Match(secret, right+"x") || Match(secret, "") {
			t.Errorf("%s: a wrong password is taken", secret)
		}
	}
	for _, secret := range []string{"", "$", "abc", "$9$x", "$5$", "$6$rounds=x$a$b", "$2y$", "$y$", "$1$", "$6$rounds=5"} {
		if Match(secret, "") || Match(secret, "x") {
			t.Errorf("%q matches", secret)
		}
	}
}

func TestVerify(t *testing.T) {
	l := NewList("l")
	u := &User{Name: "u", Secret: "$1$abc$B..HicC/afMveWeNyfNsf/", Groups: [][]byte{[]byte("g")}}
	p := &User{Name: "p", Secret: "plain", Plain: true}
	if !l.Add(u) || !l.Add(p) || l.Add(&User{Name: "u"}) {
		t.Fatal("users are added once")
	}
	if l.Allowed([]byte("u"), []byte("test")) != nil {
		t.Error("a password was right before it was verified")
	}
	if l.Allowed([]byte("p"), []byte("plain")) != p || l.Allowed([]byte("p"), []byte("no")) != nil || l.Allowed([]byte("x"), nil) != nil {
		t.Error("plain passwords")
	}
	var wg sync.WaitGroup
	results := make([]bool, 64)
	for i := range results {
		wg.Add(1)
		pass := "test"
		if i%2 == 1 {
			pass = "wrong"
		}
		l.Verify(u, pass, func(ok bool) { results[i] = ok; wg.Done() })
	}
	wg.Wait()
	for i, ok := range results {
		if ok != (i%2 == 0) {
			t.Fatalf("verification %d: %v", i, ok)
		}
	}
	if l.Allowed([]byte("u"), []byte("test")) != u || l.Allowed([]byte("u"), []byte("wrong")) != nil {
		t.Error("the right password is remembered, the wrong one is not")
	}
	for i := range 2 * remembered {
		l.remember([32]byte{byte(i), byte(i >> 8), 1})
	}
	if len(l.known) != remembered {
		t.Errorf("%d digests kept", len(l.known))
	}
}
