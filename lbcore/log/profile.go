package log

import "gohap/lbcore/sample"

// Step is where in a stream's life a line is written, as log-steps and log profiles
// name it.
type Step uint8

// The steps. StepAny stands for all that a profile does not name, the last ones are
// those of action do-log.
const (
	StepAny Step = iota
	StepError
	StepAccept
	StepRequest
	StepConnect
	StepResponse
	StepClose
	StepQUICInit
	StepHTTPReq
	StepHTTPRes
	StepHTTPAfterRes
	StepTCPReqConn
	StepTCPReqSess
	StepTCPReqCont
	StepTCPResCont
	stepCount
)

var stepNames = [stepCount]string{"any", "error", "accept", "request", "connect", "response", "close",
	"quic-init", "http-req", "http-res", "http-after-res", "tcp-req-conn", "tcp-req-sess", "tcp-req-cont", "tcp-res-cont"}

// String returns the step's word.
func (s Step) String() string { return stepNames[s] }

// Steps are all of them.
func Steps() []Step {
	all := make([]Step, stepCount)
	for i := range all {
		all[i] = Step(i)
	}
	return all
}

// Profile is a log-profile section: how the lines of a target are made where it is
// not as the proxy says. It is read-only while the instance runs.
type Profile struct {
	Tag   string // "" for the proxy's
	Steps [stepCount]ProfileStep
}

// ProfileStep is what a profile says of one step.
type ProfileStep struct {
	Set        bool
	Drop       bool           // nothing is logged
	Format, SD *sample.Format // nil for the proxy's
}

// At returns what the profile says of a step.
func (p *Profile) At(s Step) *ProfileStep {
	if st := &p.Steps[s]; st.Set {
		return st
	}
	return &p.Steps[StepAny]
}
