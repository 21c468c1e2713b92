package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Operator is the program around a node: what a person may have it do on its machine.
// Any goroutine may call its methods.
type Operator interface {
	// Ready tells whether clients can be sent here, and why not.
	Ready() (ready bool, why string)
	// Drain takes the node out of service and returns when it is, with the number of
	// client connections that are left: requests under way have the time wait to end.
	// It is brought to its end when ctx ends. says is told what goes on.
	Drain(ctx context.Context, wait time.Duration, says func(string)) (left int, err error)
	// Undrain takes it back into service, from wherever Drain is.
	Undrain(ctx context.Context) error
	// Rekey reads the node's file of secrets anew and returns their names.
	Rekey() ([]string, error)
	// Stop begins the end of the process.
	Stop()
}

func (s *Server) drain(w http.ResponseWriter, r *http.Request) {
	var d Drain
	if !read(w, r, &d) {
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	tell := func(x Drained) {
		_ = lines.Encode(x)
		_ = http.NewResponseController(w).Flush()
	}
	left, err := s.op.Drain(r.Context(), d.Wait, func(text string) { tell(Drained{Says: text}) })
	x := Drained{Done: true, Left: left}
	if err != nil {
		x.Error = err.Error()
	}
	tell(x)
	if err == nil && d.Stop {
		s.op.Stop()
	}
}
