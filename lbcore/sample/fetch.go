//lint:file-ignore ST1005 the reference's messages are printed as they are

package sample

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"

	"gohap/lbcore/clock"
)

func fetchTrue(_ *Context, _ []Arg, s *Sample) bool  { s.SetBool(true); return true }
func fetchFalse(_ *Context, _ []Arg, s *Sample) bool { s.SetBool(false); return true }

func checkBool(args []Arg, _ *Options) error {
	switch strings.ToLower(args[0].Str) {
	case "true", "1":
		args[0].Int = 1
	case "false", "0":
	default:
		return errors.New("Expects 'true', 'false', '0' or '1'")
	}
	return nil
}

func fetchBool(_ *Context, args []Arg, s *Sample) bool { s.SetBool(args[0].Int != 0); return true }
func fetchInt(_ *Context, args []Arg, s *Sample) bool  { s.SetInt(args[0].Int); return true }
func fetchStr(_ *Context, args []Arg, s *Sample) bool  { s.SetStr(args[0].Data); return true }

func checkBin(args []Arg, _ *Options) error {
	t := args[0].Str
	if t == "" {
		return errors.New("expects at least one hex digit pair")
	}
	if len(t)%2 != 0 {
		return errors.New("an even number of hex digit is expected")
	}
	for i := 0; i < len(t); i++ {
		if HexDigit(t[i]) == 0xFF {
			return fmt.Errorf("an hex digit is expected (found '%c')", t[i])
		}
	}
	args[0].Data, _ = hex.DecodeString(t)
	return nil
}

func fetchBin(_ *Context, args []Arg, s *Sample) bool { s.SetBin(args[0].Data); return true }

func fetchIP(_ *Context, args []Arg, s *Sample) bool {
	s.SetIP(args[0].Ref.(netip.Addr))
	return true
}

func checkMeth(args []Arg, _ *Options) error {
	args[0].Int = int64(ParseMethod(args[0].Data))
	return nil
}

func fetchMeth(_ *Context, args []Arg, s *Sample) bool {
	s.SetMethod(ParseMethod(args[0].Data), args[0].Data)
	return true
}

// checkEnv reads the variable once, while the configuration is read.
func checkEnv(args []Arg, o *Options) error {
	env := o.Env
	if env == nil {
		env = os.LookupEnv
	}
	if v, ok := env(args[0].Str); ok {
		args[0].Ref = []byte(v)
	}
	return nil
}

func fetchEnv(_ *Context, args []Arg, s *Sample) bool {
	v, ok := args[0].Ref.([]byte)
	s.SetStr(v)
	return ok
}

func (c *Context) wall() (sec, micros int64) {
	src := c.Clock
	if src == nil {
		src = clock.System
	}
	t := src.Wall()
	return t.Unix(), int64(t.Nanosecond() / 1000)
}

func fetchDate(c *Context, args []Arg, s *Sample) bool {
	sec, micros := c.wall()
	unit := unitOf(args)
	v := sec*unit + micros*unit/1000000
	if len(args) > 0 {
		v += args[0].Int
	}
	s.SetInt(v)
	return true
}

func fetchDateUS(c *Context, _ []Arg, s *Sample) bool {
	_, micros := c.wall()
	s.SetInt(micros)
	return true
}

func fetchHostname(c *Context, _ []Arg, s *Sample) bool {
	if c.Process == nil || len(c.Process.Hostname) == 0 {
		return false
	}
	s.SetStr(c.Process.Hostname)
	return true
}

func fetchPID(c *Context, _ []Arg, s *Sample) bool {
	if c.Process == nil {
		return false
	}
	s.SetInt(int64(c.Process.PID))
	return true
}

func fetchOne(_ *Context, _ []Arg, s *Sample) bool { s.SetInt(1); return true }

func fetchThread(c *Context, _ []Arg, s *Sample) bool { s.SetInt(int64(c.Thread)); return true }

func fetchUptime(c *Context, _ []Arg, s *Sample) bool {
	if c.Process == nil {
		return false
	}
	src := c.Clock
	if src == nil {
		src = clock.System
	}
	s.SetInt((src.Mono() - c.Process.Start) / 1e9)
	return true
}

// fetchRand returns 32 random bits, or a value below its argument.
func fetchRand(_ *Context, args []Arg, s *Sample) bool {
	v := uint64(rand.Uint32())
	if len(args) > 0 {
		v = v * uint64(args[0].Int) >> 32
	}
	s.SetInt(int64(v))
	return true
}

func checkUUID(args []Arg, _ *Options) error {
	if len(args) > 0 && args[0].Int != 4 && args[0].Int != 7 {
		return fmt.Errorf("Unsupported UUID version: '%d'", args[0].Int)
	}
	return nil
}

// fetchUUID returns a random UUID (RFC 9562), version 4 unless asked for 7.
func fetchUUID(c *Context, args []Arg, s *Sample) bool {
	var b [16]byte
	hi, lo := rand.Uint64(), rand.Uint64()
	version := byte(4)
	if len(args) > 0 && args[0].Int == 7 {
		sec, micros := c.wall()
		hi = uint64(sec*1000+micros/1000)<<16 | hi&0xFFFF
		version = 7
	}
	for i := 0; i < 8; i++ {
		b[i], b[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	b[6], b[8] = b[6]&0x0F|version<<4, b[8]&0x3F|0x80
	d := c.Arena.Alloc(36)[:0]
	for i, v := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			d = append(d, '-')
		}
		d = append(d, hexLower[v>>4], hexLower[v&15])
	}
	s.SetStr(d)
	return true
}
