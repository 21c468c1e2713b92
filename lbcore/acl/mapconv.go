package acl

import (
	"fmt"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// registerMaps adds the converters that look a value up in a map: one for each
// matcher and each form of what is found.
func registerMaps(set *keyword.Set) {
	for _, m := range []Matcher{MatchStr, MatchBeg, MatchSub, MatchDir, MatchDom, MatchEnd, MatchReg, MatchInt, MatchIP} {
		name := "map_" + m.String()
		if m == MatchStr {
			addMap(set, "map", m, sample.Str)
		}
		addMap(set, name, m, sample.Str)
		addMap(set, name+"_int", m, sample.SInt)
		addMap(set, name+"_ip", m, sample.Addr)
		addMap(set, name+"_key", m, sample.Any)
	}
	addMap(set, "map_regm", MatchRegM, sample.Str)
}

// addMap adds one of them; out Any stands for the key.
func addMap(set *keyword.Set, name string, m Matcher, out sample.Type) {
	row := &sample.ConvRow{In: wants[m], Out: out, Check: checkMap(m, out), Conv: convMap, Args: sample.ArgList{Min: 1, Types: []sample.ArgType{sample.ArgStr, sample.ArgStr}}}
	what, def := "the value", "dflt"
	switch out {
	case sample.SInt:
		what, def, row.Args.Types[1] = "the value, a number,", "5", sample.ArgInt
	case sample.Addr:
		what, def = "the value, an address,", "192.0.2.1"
	case sample.Any:
		what, row.Out, row.Args.Types, row.Conv = "the key", sample.Str, row.Args.Types[:1], convMapKey
	}
	in := "str(x)"
	switch m {
	case MatchInt:
		in = "int(5)"
	case MatchIP:
		in = "ipv4(10.0.0.1)"
	}
	good, bad := keyword.Example{Config: in + "," + name + "(virt@m," + def + ")", Out: def}, in+","+name+"(/no/such/file)"
	if out == sample.Any {
		good = keyword.Example{Config: in + "," + name + "(virt@m)", Out: "(no value)"}
	}
	set.Add(keyword.Row{Class: keyword.Converter, Name: name, In: row.In.String(), Out: row.Out.String(), Args: row.Args.String(),
		Summary: what + " of the entry that the input matches by -m " + m.String(), Good: []keyword.Example{good}, Bad: []string{bad, in + "," + name}, Impl: row})
}

func checkMap(m Matcher, out sample.Type) sample.CheckFunc {
	return func(args []sample.Arg, o *sample.Options) error {
		refs, ok := o.Lists.(*Refs)
		if !ok {
			refs = NewRefs()
		}
		wanted := out
		if out == sample.Any {
			wanted = sample.Str
		}
		if len(args) > 1 && out == sample.Addr {
			ip, ok := parseAddress(args[1].Str)
			if !ok {
				return fmt.Errorf("map: cannot parse default ip <%s>", args[1].Str)
			}
			args[1].Ref = ip
		}
		u, err := refs.mapUse(args[0].Str, how{matcher: m}, wanted, o)
		if err != nil {
			return err
		}
		args[0].Ref = u
		return nil
	}
}

// convMap puts the value of the entry that the input matches in its place, or the
// default. What it returns points into the list, whose texts never change.
func convMap(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	u := args[0].Ref.(*Use)
	for v, id := u.find(s); id != 0; v, id = u.find(s) {
		if val, ok := v.value(id); ok {
			return u.give(c, v, id, val, s)
		}
		// It died meanwhile, another one may be in its place.
	}
	if len(args) < 2 {
		return false
	}
	switch u.Out {
	case sample.SInt:
		s.SetInt(args[1].Int)
	case sample.Addr:
		ip, _ := parseAddress(args[1].Str)
		s.SetIP(ip)
	default:
		s.SetStr(args[1].Data)
	}
	return true
}

// give makes the sample of a value.
func (u *Use) give(c *sample.Context, v *version, id uint32, val []byte, s *sample.Sample) bool {
	switch {
	case u.Out == sample.SInt:
		n, _ := parseNumber(text(val), false)
		s.SetInt(n)
	case u.Out == sample.Addr:
		ip, ok := parseAddress(text(val))
		s.SetIP(ip)
		return ok
	case u.matcher == MatchRegM:
		m := v.regex(u.n, id).Find(s.Data)
		if m == nil {
			return false
		}
		s.SetStr(c.Arena.Keep(sample.Expand(c.Arena.Rest(len(val)+len(s.Data)), text(val), s.Data, m)))
	default:
		s.SetStr(val)
	}
	return true
}

func convMapKey(_ *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	v, id := args[0].Ref.(*Use).find(s)
	if id == 0 {
		return false
	}
	key, ok := v.key(id)
	s.SetStr(key)
	return ok
}

// regex returns the expression of an entry that was just found.
func (v *version) regex(use int, id uint32) *sample.Regex {
	w := v.views[use]
	if p := w.short.Load(); p != nil {
		for i, known := range p.ids {
			if known == id {
				return p.regs[i]
			}
		}
	} else {
		for _, l := range *w.long.Load().listed.Load() {
			if l.id == id {
				return l.what.(*sample.Regex)
			}
		}
	}
	key, _ := v.key(id)
	r, _ := sample.CompileRegex(string(key), false)
	return r
}
