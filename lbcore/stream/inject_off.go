//go:build !invariants

package stream

func (s *Stream) inject() {}
