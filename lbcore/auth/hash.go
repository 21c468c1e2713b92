package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
	"strconv"
	"strings"

	"github.com/go-crypt/x/bcrypt"
	"github.com/go-crypt/x/crypt"
	"github.com/go-crypt/x/yescrypt"
)

// Supported tells whether a hash has a form that Match knows.
func Supported(secret string) bool {
	for _, p := range []string{"$1$", "$5$", "$6$", "$2a$", "$2b$", "$2y$", "$y$"} {
		if strings.HasPrefix(secret, p) {
			return true
		}
	}
	return false
}

// Match tells whether a password has a hash of crypt(3)'s forms. It is slow.
func Match(secret, password string) bool {
	switch {
	case strings.HasPrefix(secret, "$2"):
		return bcrypt.CompareHashAndPassword([]byte(secret), []byte(password)) == nil
	case strings.HasPrefix(secret, "$y$"):
		got, err := yescrypt.Hash([]byte(password), []byte(secret))
		return err == nil && same(got, secret)
	case strings.HasPrefix(secret, "$1$"):
		salt, want, _ := strings.Cut(secret[3:], "$")
		return same(crypt.KeyMD5Crypt([]byte(password), []byte(salt)), want)
	case strings.HasPrefix(secret, "$5$"):
		return sha2(sha256.New, secret[3:], password)
	case strings.HasPrefix(secret, "$6$"):
		return sha2(sha512.New, secret[3:], password)
	}
	return false
}

// sha2 matches [rounds=<n>$]<salt>$<hash>.
func sha2(h func() hash.Hash, secret, password string) bool {
	rounds := 5000
	if rest, ok := strings.CutPrefix(secret, "rounds="); ok {
		text, after, _ := strings.Cut(rest, "$")
		n, err := strconv.Atoi(text)
		if err != nil {
			return false
		}
		rounds, secret = min(max(n, 1000), 999_999_999), after
	}
	salt, want, _ := strings.Cut(secret, "$")
	salt = salt[:min(len(salt), 16)]
	return same(crypt.KeySHACrypt(h, []byte(password), []byte(salt), rounds), want)
}

func same(got []byte, want string) bool {
	return len(want) > 0 && subtle.ConstantTimeCompare(bytes.TrimSpace(got), []byte(want)) == 1
}
