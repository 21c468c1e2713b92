package stats

import (
	"io"

	"gohap/lbcore/buffer"
	"gohap/lbcore/loop"
	"gohap/lbcore/stream"
)

// pieces makes an answer unit by unit, one line of a table or the like, and sends
// them as the client takes them: what is held is never more than a unit.
type pieces struct {
	s *stream.Stream
	// next appends the next unit to u; false when there is none any more. It must
	// not wait: with u.hold it is called again after resume.
	next func(u *unit) bool
	unit unit
	sent int // of the unit
	end  bool
}

// unit is a piece of text being written.
type unit struct {
	b    []byte
	hold bool // nothing more before resume
}

func (u *unit) Write(p []byte) (int, error) {
	u.b = append(u.b, p...)
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (u *unit) WriteString(s string) (int, error) {
	u.b = append(u.b, s...)
	return len(s), nil
}

var _ io.StringWriter = (*unit)(nil)

// emptyUnits bounds how many units without text are passed over in one go.
const emptyUnits = 256

// Produce implements stream.Producer.
func (p *pieces) Produce(b *buffer.Buffer) bool {
	for empty := 0; ; {
		n := copy(b.Room(), p.unit.b[p.sent:])
		b.W += n
		if p.sent += n; p.sent < len(p.unit.b) {
			return false
		}
		if p.end || p.unit.hold {
			return p.end
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty > emptyUnits {
			p.s.Continue()
			return false
		}
		p.unit.b, p.sent = p.unit.b[:0], 0
		p.end = !p.next(&p.unit)
	}
}

// await holds the answer back until the facts of the loops are there.
func (p *pieces) await(in *Instance, got func(*facts)) {
	p.unit.hold = true
	home := p.s.W.Loop
	resume := p.s.Later(func() {
		p.unit.hold = false
		p.s.Continue()
	})
	in.gather(home, func(all []loopFacts) {
		got(in.factsFrom(all))
		resume()
	})
}

var _ loop.Expirer = (*gathering)(nil)
