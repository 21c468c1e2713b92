package stream

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
)

// allowPipes lets the bytes of a tunnel, or of bodies whose sections say so,
// pass through the kernel alone. Tunnels need no option for it: it is what a busy
// one gains most by (reference: needs splice-auto and its kin there too). A request that
// retry-on keeps is looked at.
func (s *Stream) allowPipes() {
	if s.W.Limits.NoSplice || len(s.filters) > 0 || s.local || s.cl == nil || s.sv == nil {
		return
	}
	tunnel := s.phase == phaseTunnel
	opts := s.FE.Options | s.BE.Options
	auto := tunnel || opts&proxy.OptSpliceAuto != 0
	request, response := opts&proxy.OptSpliceRequest != 0, opts&proxy.OptSpliceResponse != 0
	if (auto || request) && !s.reqSent && !s.kept.on {
		mux.AllowPipes(s.cl, s.sv, request)
	}
	if (auto || response) && !s.resEnd {
		mux.AllowPipes(s.sv, s.cl, response)
	}
}

// budget is what one direction may still move in this turn, so that its neighbours get
// theirs (L5): bytes, and pieces for those that are small.
type budget struct{ bytes, pieces int }

const (
	turnBytes  = 1 << 20
	turnPieces = 16
)

// Nicest bounds what a stream may be to its neighbours, either way.
const Nicest = 1024

// budget returns what a direction may move in a turn: less the nicer the stream is to
// its neighbours, down to one piece, up to twice as much the other way.
func (s *Stream) budget() budget {
	share := Nicest - int(s.Nice)
	return budget{max(turnBytes*share/Nicest, 1), max(turnPieces*share/Nicest, 1)}
}

func (t *budget) left() bool { return t.bytes > 0 && t.pieces > 0 }

func (t *budget) spend(b *buffer.Buffer) {
	t.pieces--
	if b != nil {
		t.bytes -= b.Len()
	}
}
