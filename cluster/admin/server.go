package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"gohap/cluster"
)

// maxBody bounds what a request may bring, bytes.
const maxBody = 2 << 30

// Server answers on the socket of a node.
type Server struct {
	node *cluster.Node
	op   Operator
	self Self
	http http.Server
}

// Serve opens the socket at a path and serves it in the background until Close. A
// socket that nobody listens on is replaced, any other file is not.
func Serve(path string, node *cluster.Node, op Operator, self Self) (*Server, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is there and no socket", path)
		}
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
			return nil, fmt.Errorf("%s: another node serves this data directory", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path) // in a directory for its owner alone
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	s := &Server{node: node, op: op, self: self}
	s.http.Handler = s.routes()
	s.http.ReadHeaderTimeout = 10 * time.Second
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Close ends the answers under way and removes the socket.
func (s *Server) Close() { _ = s.http.Close() }

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { write(w, s.node.Status()) })
	m.HandleFunc("GET /node", func(w http.ResponseWriter, _ *http.Request) { write(w, s.self) })
	m.HandleFunc("GET /history", func(w http.ResponseWriter, _ *http.Request) { write(w, s.history()) })
	m.HandleFunc("GET /bundle", s.bundle)
	m.HandleFunc("POST /apply", s.apply)
	m.HandleFunc("POST /transfer", s.target(s.node.Transfer))
	m.HandleFunc("POST /remove", s.target(s.node.Remove))
	m.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		ready, why := s.op.Ready()
		write(w, Ready{ready, why})
	})
	m.HandleFunc("POST /run", s.run)
	m.HandleFunc("POST /secrets", func(w http.ResponseWriter, _ *http.Request) {
		names, err := s.op.Rekey()
		if err != nil {
			fail(w, http.StatusConflict, err)
			return
		}
		write(w, names)
	})
	m.HandleFunc("POST /drain", s.drain)
	m.HandleFunc("POST /undrain", func(w http.ResponseWriter, r *http.Request) {
		if err := s.op.Undrain(r.Context()); err != nil {
			fail(w, http.StatusConflict, err)
			return
		}
		write(w, struct{}{})
	})
	return m
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(failure{err.Error()})
}

// read reads a request's body.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("the request cannot be read: %w", err))
		return false
	}
	return true
}

func (s *Server) history() History {
	all, active := s.node.History()
	h := History{Active: active, Generations: []Generation{}}
	for i := range all {
		g := &all[i]
		k := Generation{Number: g.Number, Base: g.Base, By: g.By, Note: g.Note, At: g.At, Of: g.Of, Files: len(g.Manifest.Files)}
		for _, f := range g.Manifest.Files {
			k.Size += f.Size
		}
		h.Generations = append(h.Generations, k)
	}
	return h
}

func (s *Server) bundle(w http.ResponseWriter, r *http.Request) {
	n := uint64(0)
	if text := r.FormValue("generation"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			fail(w, http.StatusBadRequest, fmt.Errorf("%.40q is no generation", text))
			return
		}
	}
	b, err := s.node.Bundle(r.Context(), n)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	write(w, Bundle{b.Generation, b.Dir, b.Main, b.Files})
}

func (s *Server) apply(w http.ResponseWriter, r *http.Request) {
	var a Apply
	if !read(w, r, &a) {
		return
	}
	p := &cluster.Proposal{Note: a.Note, Force: a.Force, Of: a.Rollback}
	if a.Base != nil {
		p.Base = *a.Base
	} else {
		p.Base = s.node.Current(r.Context())
	}
	switch {
	case a.Rollback != 0 && a.Bundle == nil:
		b, err := s.node.Bundle(r.Context(), a.Rollback)
		if err != nil {
			fail(w, http.StatusServiceUnavailable, err)
			return
		}
		p.Bundle = b
	case a.Bundle != nil && len(a.Bundle.Main) > 0:
		p.Bundle = a.Bundle.bundle()
	default:
		fail(w, http.StatusBadRequest, errors.New("neither a configuration nor a generation to go back to"))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	// Who asks may go: what has begun is brought to its end.
	result := s.node.Apply(context.WithoutCancel(r.Context()), p, func(text string) {
		_ = lines.Encode(Progress{Says: text})
		_ = flush.Flush()
	})
	_ = lines.Encode(Progress{Result: result})
}

// target makes an action on a node, by name, an answer.
func (s *Server) target(do func(context.Context, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var t Target
		if !read(w, r, &t) {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
		defer cancel()
		if err := do(ctx, t.Node); err != nil {
			fail(w, http.StatusConflict, err)
			return
		}
		write(w, struct{}{})
	}
}

// adminLevel is what whoever has the socket may do.
const adminLevel = "admin"

// failedTrailer says behind an answer that it is not whole.
const failedTrailer = "Gohap-Failed"

func (s *Server) run(w http.ResponseWriter, r *http.Request) {
	var c Command
	if !read(w, r, &c) {
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Trailer", failedTrailer)
	if err := s.node.Command(r.Context(), c.Node, adminLevel, c.Line, w); err != nil {
		w.Header().Set(failedTrailer, err.Error())
	}
}
