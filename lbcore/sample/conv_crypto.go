//lint:file-ignore ST1005 the reference's messages are printed as they are

package sample

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	_ "crypto/md5" // registers MD5 for digest and hmac
	"crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// digests lists the digest names that are there; OpenSSL's aliases included.
// Names are case-insensitive.
var digests = map[string]crypto.Hash{
	"md5": crypto.MD5, "sha1": crypto.SHA1, "sha-1": crypto.SHA1,
	"sha224": crypto.SHA224, "sha-224": crypto.SHA224, "sha2-224": crypto.SHA224,
	"sha256": crypto.SHA256, "sha-256": crypto.SHA256, "sha2-256": crypto.SHA256,
	"sha384": crypto.SHA384, "sha-384": crypto.SHA384, "sha2-384": crypto.SHA384,
	"sha512": crypto.SHA512, "sha-512": crypto.SHA512, "sha2-512": crypto.SHA512,
	"sha512-224": crypto.SHA512_224, "sha512-256": crypto.SHA512_256,
	"sha3-224": crypto.SHA3_224, "sha3-256": crypto.SHA3_256, "sha3-384": crypto.SHA3_384, "sha3-512": crypto.SHA3_512,
}

// otherDigests are names that OpenSSL has and this product has not.
var otherDigests = []string{
	"blake2b512", "blake2s256", "ripemd160", "ripemd", "rmd160", "sm3", "md4", "md5-sha1", "shake128", "shake256", "whirlpool", "mdc2",
}

func digestByName(name string) (crypto.Hash, error) {
	low := strings.ToLower(name)
	low = strings.TrimPrefix(low, "rsa-")
	if h, ok := digests[low]; ok {
		return h, nil
	}
	for _, o := range otherDigests {
		if o == low {
			return 0, fmt.Errorf("algorithm '%s' is known to HAProxy, not implemented by gohap", name)
		}
	}
	return 0, errors.New("algorithm must be a valid OpenSSL message digest name.")
}

func checkDigest(args []Arg, _ *Options) error {
	h, err := digestByName(args[0].Str)
	args[0].Ref = h
	return err
}

func convDigest(c *Context, args []Arg, s *Sample) bool {
	return sum(c, args[0].Ref.(crypto.Hash), s)
}

// sum replaces the sample by its digest. The frequent ones do not allocate.
func sum(c *Context, h crypto.Hash, s *Sample) bool {
	switch h {
	case crypto.SHA1:
		d := sha1.Sum(s.Data)
		s.SetBin(c.Arena.Copy(d[:]))
	case crypto.SHA256:
		d := sha256.Sum256(s.Data)
		s.SetBin(c.Arena.Copy(d[:]))
	case crypto.SHA224:
		d := sha256.Sum224(s.Data)
		s.SetBin(c.Arena.Copy(d[:]))
	case crypto.SHA384:
		d := sha512.Sum384(s.Data)
		s.SetBin(c.Arena.Copy(d[:]))
	case crypto.SHA512:
		d := sha512.Sum512(s.Data)
		s.SetBin(c.Arena.Copy(d[:]))
	default:
		d := h.New()
		d.Write(s.Data)
		s.SetBin(d.Sum(c.Arena.Alloc(h.Size())[:0]))
	}
	return true
}

func convSHA1(c *Context, _ []Arg, s *Sample) bool { return sum(c, crypto.SHA1, s) }

func checkSHA2(args []Arg, _ *Options) error {
	if len(args) == 0 {
		return nil
	}
	switch args[0].Int {
	case 224, 256, 384, 512:
		return nil
	}
	return fmt.Errorf("Unsupported number of bits: '%d'", args[0].Int)
}

func convSHA2(c *Context, args []Arg, s *Sample) bool {
	if len(args) > 0 {
		switch args[0].Int {
		case 224:
			return sum(c, crypto.SHA224, s)
		case 384:
			return sum(c, crypto.SHA384, s)
		case 512:
			return sum(c, crypto.SHA512, s)
		}
	}
	return sum(c, crypto.SHA256, s)
}

// checkKey accepts a variable or base64 text, which it decodes into Data.
func checkKey(a *Arg, what string) error {
	if v, err := ParseVar(a.Str); err == nil {
		a.Ref = &v
		return nil
	}
	d, err := base64.StdEncoding.DecodeString(a.Str)
	if err != nil {
		return fmt.Errorf("failed to parse %s : argument needs to be base64 encoded, and can either be a string or a variable", what)
	}
	a.Data = d
	return nil
}

// keyArg returns the bytes of an argument that checkKey accepted. A variable
// holds base64 text.
func keyArg(c *Context, a *Arg) ([]byte, bool) {
	v, ok := a.Ref.(*Var)
	if !ok {
		return a.Data, true
	}
	t := c.Borrow()
	defer c.Release()
	if !v.Get(c, t) || !t.Cast(c, Bin) {
		return nil, false
	}
	d := c.Arena.Alloc(base64.StdEncoding.DecodedLen(len(t.Data)))
	n, err := base64.StdEncoding.Decode(d, t.Data)
	return d[:max(n, 0)], err == nil
}

func checkHMAC(args []Arg, o *Options) error {
	if err := checkDigest(args, o); err != nil {
		return err
	}
	return checkKey(&args[1], "key")
}

func convHMAC(c *Context, args []Arg, s *Sample) bool {
	key, ok := keyArg(c, &args[1])
	if !ok {
		return false
	}
	h := args[0].Ref.(crypto.Hash)
	m := hmac.New(h.New, key)
	m.Write(s.Data)
	s.SetBin(m.Sum(c.Arena.Alloc(h.Size())[:0]))
	return true
}

// checkAES checks bits, nonce, key and, for decryption, the tag.
func checkAES(decrypt bool) CheckFunc {
	return func(args []Arg, _ *Options) error {
		switch args[0].Int {
		case 128, 192, 256:
		default:
			return errors.New("key size must be 128, 192 or 256 (bits).")
		}
		if err := checkKey(&args[1], "nonce"); err != nil {
			return err
		}
		if err := checkKey(&args[2], "key"); err != nil {
			return err
		}
		if decrypt {
			return checkKey(&args[3], "aead_tag")
		}
		v, err := ParseVar(args[3].Str)
		if err != nil {
			return fmt.Errorf("failed to register variable name '%s'", args[3].Str)
		}
		args[3].Ref = &v
		return nil
	}
}

// gcm builds the cipher of an aes_gcm converter; nonce and key may vary.
func gcm(c *Context, args []Arg) (cipher.AEAD, []byte, bool) {
	nonce, ok1 := keyArg(c, &args[1])
	key, ok2 := keyArg(c, &args[2])
	if !ok1 || !ok2 || int64(len(key))*8 != args[0].Int || len(nonce) == 0 {
		return nil, nil, false
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, false
	}
	g, err := cipher.NewGCMWithNonceSize(b, len(nonce))
	return g, nonce, err == nil
}

func convAESEnc(c *Context, args []Arg, s *Sample) bool {
	g, nonce, ok := gcm(c, args)
	if !ok {
		return false
	}
	n := len(s.Data)
	d := g.Seal(c.Arena.Alloc(n + g.Overhead())[:0], nonce, s.Data, nil)
	tag := c.Borrow()
	defer c.Release()
	e := c.Arena.Alloc(base64.StdEncoding.EncodedLen(len(d) - n))
	base64.StdEncoding.Encode(e, d[n:])
	tag.SetStr(e)
	s.SetBin(d[:n])
	return args[3].Ref.(*Var).Set(c, tag)
}

func convAESDec(c *Context, args []Arg, s *Sample) bool {
	g, nonce, ok := gcm(c, args)
	if !ok {
		return false
	}
	tag, ok := keyArg(c, &args[3])
	if !ok || len(tag) != g.Overhead() {
		return false
	}
	in := c.Arena.Alloc(len(s.Data) + len(tag))
	copy(in, s.Data)
	copy(in[len(s.Data):], tag)
	d, err := g.Open(in[:0], nonce, in, nil)
	if err == nil {
		s.SetBin(d)
	}
	return err == nil
}
