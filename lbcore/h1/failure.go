package h1

// stateNames are the reference's names and numbers of what is being read, which
// "show errors" prints, by state of the decoder: of requests, then of responses where
// they differ.
var stateNames = [...]string{
	atEmpty: "MSG_RQBEFORE(0)", atEmptyLF: "MSG_RQBEFORE_CR(1)",
	atMethod: "MSG_RQMETH(2)", atTargetBlank: "MSG_RQMETH_SP(3)", atTarget: "MSG_RQURI(4)",
	atVersionBlank: "MSG_RQURI_SP(5)", atVersion: "MSG_RQVER(6)", atStartLF: "MSG_RQLINE_END(7)",
	atAnswer: "MSG_RPVER(10)", atStatusBlank: "MSG_RPVER_SP(11)", atStatus: "MSG_RPCODE(12)",
	atReasonBlank: "MSG_RPCODE_SP(13)", atReason: "MSG_RPREASON(14)", atReasonLF: "MSG_RPLINE_END(15)",
	atLine: "MSG_HDR_FIRST(16)", atName: "MSG_HDR_NAME(17)", atValueBlank: "MSG_HDR_L1_SP(19)", atValue: "MSG_HDR_VAL(22)",
	atValueLF: "MSG_HDR_L2_LF(23)", atEndLF: "MSG_LAST_LF(25)", atDone: "MSG_DATA(27)", atFailed: "MSG_DATA(27)",
	inSize: "MSG_CHUNK_SIZE(26)", inChunkEnd: "MSG_CHUNK_CRLF(28)", inTrailers: "MSG_TRAILERS(29)",
	inFieldEnd: "MSG_HDR_L2_LWS(24)",
}

// What a body's decoder was reading, behind the states of a head's.
const (
	inSize = atFailed + 1 + iota
	inChunkEnd
	inTrailers
	inFieldEnd // behind a field's line
)

// State names what was being read when the fault was found, as the reference does.
func (f Failure) State() string { return stateNames[f.state] }

// violation remembers the first byte that only Options.Relaxed lets pass.
func (d *Decoder) violation(pos int) {
	if d.taken == 0 {
		d.taken = pos
	}
}

// violations looks for one in the target, which b ends behind.
func (d *Decoder) violations(b []byte) {
	for i := d.targetB; i < len(b); i++ {
		if class[b[i]]&inTarget == 0 {
			d.violation(i)
			return
		}
	}
}

// Violation tells of a head that was taken for Options.Relaxed alone where it would
// have been refused.
func (d *Decoder) Violation() (f Failure, ok bool) {
	return Failure{Pos: d.taken, Reason: "taken as an accepted violation", state: atDone}, d.taken > 0
}
