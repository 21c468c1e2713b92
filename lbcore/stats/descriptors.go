package stats

import (
	"slices"
	"strconv"

	"gohap/lbcore/cli"
	"gohap/lbcore/loop"
)

// DescriptorKind says what a descriptor is, a bit each.
type DescriptorKind uint8

// The kinds that "show fd" chooses among.
const (
	FDPipe DescriptorKind = 1 << iota
	FDListener
	FDFrontend
	FDServer
	FDDispatch
	FDOther

	fdBackend = FDServer | FDDispatch
	fdAll     = FDPipe | FDListener | FDFrontend | fdBackend | FDOther
)

// Descriptor is one line of "show fd".
type Descriptor struct {
	FD    int
	Kind  DescriptorKind
	Text  string // name=value
	loops uint64 // that watch it, a bit each
}

// fdLetters are the letters that choose kinds.
var fdLetters = map[rune]DescriptorKind{
	'p': FDPipe, 'l': FDListener, 'c': FDFrontend | fdBackend, 'f': FDFrontend, 'b': fdBackend, 's': FDServer, 'd': FDDispatch,
}

// showFD lists the descriptors that the loops watch, all, some kinds or one.
func showFD(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	kinds, only := fdAll, -1
	chosen := false
	for _, word := range r.Args {
		if n, err := strconv.Atoi(word); err == nil && n >= 0 {
			only = n
			continue
		}
		inverted := false
		for _, c := range word {
			if c == '-' || c == '!' {
				inverted = true
				continue
			}
			k, known := fdLetters[c]
			if !known {
				r.Fail("Invalid FD type")
				return
			}
			if !chosen && !inverted {
				kinds = 0
			}
			if chosen = true; inverted {
				kinds &^= k
			} else {
				kinds |= k
			}
		}
	}
	for _, d := range in.descriptors() {
		if d.Kind&kinds != 0 && (only < 0 || d.FD == only) {
			r.Printf("%7d : gid=1 tmask=0x%x %s\n", d.FD, d.loops, d.Text)
		}
	}
}

// descriptors collects those of all loops, by number.
func (in *Instance) descriptors() []Descriptor {
	if in.Descriptors == nil {
		return nil
	}
	type part struct {
		at  int
		all []Descriptor
	}
	parts := gather(in, func(l *loop.Loop, p *part) (more bool) {
		seen := 0
		p.at = in.Descriptors(l, p.at, func(d Descriptor) bool {
			p.all = append(p.all, d)
			seen++
			return seen < sliceLen
		})
		return p.at >= 0
	})
	var all []Descriptor
	at := map[int]int{} // in all, by number
	for i, p := range parts {
		for _, d := range p.all {
			n, known := at[d.FD]
			if !known {
				n = len(all)
				at[d.FD] = n
				all = append(all, d)
			}
			all[n].loops |= 1 << i
		}
	}
	slices.SortFunc(all, func(a, b Descriptor) int { return a.FD - b.FD })
	return all
}

// DescriptorWalker visits the descriptors of a loop in order, from one on, until
// visit returns false; it returns where to go on, negative at the end. It is called
// on that loop.
type DescriptorWalker func(l *loop.Loop, from int, visit func(Descriptor) bool) (next int)
