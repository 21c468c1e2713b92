package sample

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"gohap/lbcore/config"
)

// jwtPart decodes one of the dot-separated parts of a token.
func jwtPart(c *Context, token []byte, part int) ([]byte, bool) {
	for ; part > 0; part-- {
		_, after, ok := cutByte(token, '.')
		if !ok {
			return nil, false
		}
		token = after
	}
	text, _, _ := cutByte(token, '.')
	return decodeURL64(c, text)
}

func checkJWTQuery(args []Arg, _ *Options) error {
	if len(args) == 0 || args[0].Str == "" {
		return nil
	}
	return compileJSONQuery(args)
}

func convJWTQuery(part int) ConvFunc {
	return func(c *Context, args []Arg, s *Sample) bool {
		d, ok := jwtPart(c, s.Data, part)
		if !ok {
			return false
		}
		s.SetStr(d)
		if len(args) == 0 {
			return true
		}
		q, ok := args[0].Ref.(*jsonQuery)
		return !ok || q.run(c, s)
	}
}

// The results of jwt_verify.
const (
	jwtBad         = 0
	jwtGood        = 1
	jwtUnknownAlg  = -1
	jwtInvalid     = -3
	jwtUnknownCert = -5
)

type jwtAlg struct {
	family byte // H, R, P, E, N
	hash   crypto.Hash
	size   int // bytes of r and s, for E
}

var jwtAlgs = map[string]jwtAlg{
	"none":  {family: 'N'},
	"HS256": {'H', crypto.SHA256, 0}, "HS384": {'H', crypto.SHA384, 0}, "HS512": {'H', crypto.SHA512, 0},
	"RS256": {'R', crypto.SHA256, 0}, "RS384": {'R', crypto.SHA384, 0}, "RS512": {'R', crypto.SHA512, 0},
	"PS256": {'P', crypto.SHA256, 0}, "PS384": {'P', crypto.SHA384, 0}, "PS512": {'P', crypto.SHA512, 0},
	"ES256": {'E', crypto.SHA256, 32}, "ES384": {'E', crypto.SHA384, 48}, "ES512": {'E', crypto.SHA512, 66},
}

// checkJWTVerify resolves a constant algorithm and loads the key file that the
// second argument names; a file that cannot be read counts as unknown at run
// time, as in the reference.
func checkJWTVerify(args []Arg, o *Options) error {
	if v, err := ParseVar(args[0].Str); err == nil {
		args[0].Ref = &v
	} else if a, ok := jwtAlgs[args[0].Str]; ok {
		args[0].Ref = a
	} else {
		return fmt.Errorf("unknown JWT algorithm: %s", args[0].Str)
	}
	if v, err := ParseVar(args[1].Str); err == nil {
		args[1].Ref = &v
		return nil
	}
	if a, ok := args[0].Ref.(jwtAlg); !ok || a.family == 'R' || a.family == 'P' || a.family == 'E' {
		jwtKeys.load(o.disk(), args[1].Str)
	}
	return nil
}

// jwtKeys caches the public keys that a configuration names, so that no request
// reads a file.
var jwtKeys jwtKeyCache

type jwtKeyCache struct {
	mu   sync.RWMutex
	keys map[string]crypto.PublicKey
}

func (k *jwtKeyCache) load(disk config.Files, path string) {
	key, err := readPublicKey(disk, path)
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = map[string]crypto.PublicKey{}
	}
	k.keys[path] = key
}

func (k *jwtKeyCache) get(path []byte) crypto.PublicKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[string(path)]
}

func readPublicKey(disk config.Files, path string) (crypto.PublicKey, error) {
	text, err := disk.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	if block.Type == "RSA PUBLIC KEY" {
		return x509.ParsePKCS1PublicKey(block.Bytes)
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

func convJWTVerify(c *Context, args []Arg, s *Sample) bool {
	alg, ok := args[0].Ref.(jwtAlg)
	if !ok {
		t := c.Borrow()
		defer c.Release()
		if !args[0].Ref.(*Var).Get(c, t) || !t.Cast(c, Str) {
			return false
		}
		if alg, ok = jwtAlgs[string(t.Data)]; !ok {
			s.SetInt(jwtUnknownAlg)
			return true
		}
	}
	key := args[1].Data
	if v, ok := args[1].Ref.(*Var); ok {
		t := c.Borrow()
		defer c.Release()
		if !v.Get(c, t) || !t.Cast(c, Str) {
			return false
		}
		key = t.Data
	}
	s.SetInt(alg.verify(c, s.Data, key))
	return true
}

func (a jwtAlg) verify(c *Context, token, key []byte) int64 {
	first := bytes.IndexByte(token, '.')
	last := bytes.LastIndexByte(token, '.')
	if first < 0 || first == last || bytes.Count(token, []byte{'.'}) != 2 {
		return jwtInvalid
	}
	signed, sig64 := token[:last], token[last+1:]
	if a.family == 'N' {
		if len(sig64) > 0 {
			return jwtBad
		}
		return jwtGood
	}
	sig, ok := decodeURL64(c, sig64)
	if !ok || len(sig) == 0 {
		return jwtInvalid
	}
	if a.family == 'H' {
		m := hmac.New(a.hash.New, key)
		m.Write(signed)
		return jwtResult(hmac.Equal(m.Sum(nil), sig))
	}
	pub := jwtKeys.get(key)
	if pub == nil {
		return jwtUnknownCert
	}
	h := a.hash.New()
	h.Write(signed)
	return jwtResult(a.verifyKey(pub, h.Sum(nil), sig))
}

func jwtResult(ok bool) int64 {
	if ok {
		return jwtGood
	}
	return jwtBad
}

func (a jwtAlg) verifyKey(pub crypto.PublicKey, digest, sig []byte) bool {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if a.family == 'R' {
			return rsa.VerifyPKCS1v15(k, a.hash, digest, sig) == nil
		}
		return a.family == 'P' && rsa.VerifyPSS(k, a.hash, digest, sig, nil) == nil
	case *ecdsa.PublicKey:
		if a.family != 'E' || len(sig) != 2*a.size {
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:a.size]), new(big.Int).SetBytes(sig[a.size:])
		return ecdsa.Verify(k, digest, r, s)
	}
	return false
}
