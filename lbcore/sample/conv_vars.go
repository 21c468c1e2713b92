package sample

import (
	"crypto/subtle"
	"fmt"

	"bytes"
)

// The conditions of set-var.
const (
	ifExists = 1 << iota
	ifNotExists
	ifEmpty
	ifNotEmpty
	ifSet
	ifNotSet
	ifGt
	ifLt
)

var varConditions = map[string]int64{
	"ifexists": ifExists, "ifnotexists": ifNotExists, "ifempty": ifEmpty, "ifnotempty": ifNotEmpty,
	"ifset": ifSet, "ifnotset": ifNotSet, "ifgt": ifGt, "iflt": ifLt,
}

// VarConditions reads the words behind a variable's name in set-var(name,...).
func VarConditions(words []string) (int64, error) {
	var mask int64
	for _, w := range words {
		bit, ok := varConditions[w]
		if !ok {
			return 0, fmt.Errorf("unknown condition \"%s\"", w)
		}
		mask |= bit
	}
	return mask, nil
}

// SetIf copies s into v when the conditions hold; it reports whether it did.
func (v Var) SetIf(c *Context, s *Sample, conds int64) bool {
	if conds != 0 && !v.holds(c, s, conds) {
		return false
	}
	return v.Set(c, s)
}

func (v Var) holds(c *Context, s *Sample, conds int64) bool {
	exists, set := v.Has(c)
	empty := len(s.Data) == 0 && (s.Type == Str || s.Type == Bin)
	switch {
	case conds&ifExists != 0 && !exists, conds&ifNotExists != 0 && exists,
		conds&ifSet != 0 && !set, conds&ifNotSet != 0 && set,
		conds&ifEmpty != 0 && !empty, conds&ifNotEmpty != 0 && empty:
		return false
	}
	if conds&(ifGt|ifLt) == 0 || s.Type != SInt {
		return true
	}
	old := c.Borrow()
	defer c.Release()
	if !v.Get(c, old) || old.Type != SInt {
		return true
	}
	return (conds&ifGt == 0 || old.Int > s.Int) && (conds&ifLt == 0 || old.Int < s.Int)
}

func checkSetVar(args []Arg, o *Options) error {
	v, err := o.ParseVar(args[0].Str)
	if err != nil {
		return err
	}
	args[0].Ref = &v
	words := make([]string, 0, 4)
	for i := range args[1:] {
		words = append(words, args[i+1].Str)
	}
	args[0].Int, err = VarConditions(words)
	if v.Scope == ScopeProc && o.ProcVars != nil {
		o.ProcVars.Declare(v)
	}
	return err
}

func convSetVar(c *Context, args []Arg, s *Sample) bool {
	return args[0].Ref.(*Var).SetIf(c, s, args[0].Int)
}

// convUnsetVar forgets the variable and passes the sample on; it fails where
// the scope does not exist.
func convUnsetVar(c *Context, args []Arg, s *Sample) bool {
	v := args[0].Ref.(*Var)
	if v.Scope != ScopeProc && c.Vars.store(v.Scope) == nil {
		return false
	}
	v.Unset(c)
	return true
}

func checkVarName(args []Arg, o *Options) error {
	v, err := o.ParseVar(args[0].Str)
	if err != nil {
		return fmt.Errorf("failed to register variable name '%s'", args[0].Str)
	}
	args[0].Ref = &v
	return nil
}

// convStrcmp compares with a variable, as strcmp(3).
func convStrcmp(c *Context, args []Arg, s *Sample) bool {
	t := c.Borrow()
	defer c.Release()
	if !args[0].Ref.(*Var).Get(c, t) || !t.Cast(c, Str) {
		return false
	}
	n := min(len(s.Data), len(t.Data))
	for i := 0; i < n; i++ {
		if s.Data[i] != t.Data[i] {
			s.SetInt(int64(s.Data[i]) - int64(t.Data[i]))
			return true
		}
	}
	s.SetInt(int64(bytes.Compare(s.Data[n:], t.Data[n:])))
	return true
}

// convSecureMemcmp compares with a variable in constant time.
func convSecureMemcmp(c *Context, args []Arg, s *Sample) bool {
	t := c.Borrow()
	defer c.Release()
	if !args[0].Ref.(*Var).Get(c, t) || !t.Cast(c, Bin) {
		return false
	}
	s.SetBool(subtle.ConstantTimeCompare(s.Data, t.Data) == 1)
	return true
}

// checkVar is for the fetch var(name[,default]).
func checkVar(args []Arg, o *Options) error {
	v, err := o.ParseVar(args[0].Str)
	if err != nil {
		return err
	}
	args[0].Ref = &v
	return nil
}

func fetchVar(c *Context, args []Arg, s *Sample) bool {
	if args[0].Ref.(*Var).Get(c, s) {
		return true
	}
	if len(args) < 2 {
		return false
	}
	s.SetStr(args[1].Data)
	return true
}

func checkVarName1(args []Arg, o *Options) error {
	v, err := o.ParseVar(args[0].Str)
	args[0].Ref = &v
	return err
}
