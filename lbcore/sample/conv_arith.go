package sample

import (
	"errors"
	"math"
)

// checkIntOrVar accepts an integer or a variable's name.
func checkIntOrVar(args []Arg, _ *Options) error {
	for i := range args {
		if err := intOrVar(&args[i]); err != nil {
			return err
		}
	}
	return nil
}

func intOrVar(a *Arg) error {
	if v, err := ParseVar(a.Str); err == nil {
		a.Ref = &v
		return nil
	}
	if a.Str == "" {
		return nil // reference: counts as zero
	}
	n, ok := parseInteger(a.Str)
	if !ok {
		return errors.New("expects an integer or a variable name")
	}
	a.Int = n
	return nil
}

// intArg returns the value of an argument that checkIntOrVar accepted.
func intArg(c *Context, a *Arg) (int64, bool) {
	v, ok := a.Ref.(*Var)
	if !ok {
		return a.Int, true
	}
	s := c.Borrow()
	defer c.Release()
	if !v.Get(c, s) || !s.Cast(c, SInt) {
		return 0, false
	}
	return s.Int, true
}

// arith makes a converter of an operation on the sample and its argument.
func arith(op func(a, b int64) int64) ConvFunc {
	return func(c *Context, args []Arg, s *Sample) bool {
		b, ok := intArg(c, &args[0])
		if ok {
			s.Int = op(s.Int, b)
		}
		return ok
	}
}

func satAdd(a, b int64) int64 {
	r := a + b
	if (a > 0) == (b > 0) && (r > 0) != (a > 0) && a != 0 && b != 0 {
		return saturate(a > 0)
	}
	return r
}

func satSub(a, b int64) int64 {
	r := a - b
	if (a < 0) != (b < 0) && (r < 0) != (a < 0) {
		return saturate(a >= 0)
	}
	return r
}

func saturate(positive bool) int64 {
	if positive {
		return math.MaxInt64
	}
	return math.MinInt64
}

func satMul(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	r := a * b
	if r/b != a || a == math.MinInt64 && b == -1 || b == math.MinInt64 && a == -1 {
		return saturate((a > 0) == (b > 0))
	}
	return r
}

// satDiv follows the reference: dividing by zero gives the largest integer.
func satDiv(a, b int64) int64 {
	if b == 0 || a == math.MinInt64 && b == -1 {
		return math.MaxInt64
	}
	return a / b
}

func safeMod(a, b int64) int64 {
	if b == 0 || b == -1 {
		return 0
	}
	return a % b
}

func convNeg(_ *Context, _ []Arg, s *Sample) bool {
	if s.Int == math.MinInt64 {
		s.Int = math.MaxInt64
		return true
	}
	s.Int = -s.Int
	return true
}

func convCpl(_ *Context, _ []Arg, s *Sample) bool  { s.Int = ^s.Int; return true }
func convNot(_ *Context, _ []Arg, s *Sample) bool  { s.SetBool(s.Int == 0); return true }
func convBool(_ *Context, _ []Arg, s *Sample) bool { s.SetBool(s.Int != 0); return true }
func convOdd(_ *Context, _ []Arg, s *Sample) bool  { s.SetBool(s.Int&1 != 0); return true }
func convEven(_ *Context, _ []Arg, s *Sample) bool { s.SetBool(s.Int&1 == 0); return true }

// convIif returns one of two strings.
func convIif(_ *Context, args []Arg, s *Sample) bool {
	if s.Int != 0 {
		s.SetStr(args[0].Data)
	} else {
		s.SetStr(args[1].Data)
	}
	return true
}

func convHtonl(c *Context, _ []Arg, s *Sample) bool {
	b := c.Arena.Alloc(4)
	v := uint32(s.Int)
	b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	s.SetBin(b)
	return true
}
