package stream

import (
	"gohap/lbcore/rule"
)

// This file is how rules wait for nothing but time: action pause, and the turn
// that tune.max-rules-at-once gives to others.

// Pausing tells whether a rule has begun to pause.
func (s *Stream) Pausing() bool { return s.pauseUntil != 0 }

// Pause suspends a rule for ns, counted from its first call; whatever wakes the
// stream before that leaves it suspended.
func (s *Stream) Pause(ns int64) rule.Verdict {
	now := s.W.Loop.Now()
	if s.pauseUntil == 0 {
		s.pauseUntil = now + ns
	}
	if now < s.pauseUntil {
		s.wake = s.pauseUntil
		return rule.Suspend
	}
	s.wake, s.pauseUntil = 0, 0
	return rule.Continue
}

// rules runs a rule set of a message from index at, no more of them in a row than
// tune.max-rules-at-once says: then the stream is queued and others have their turn.
func (s *Stream) rules(set rule.Set, at int) (int, rule.Verdict) {
	most := s.W.Limits.RulesAtOnce
	if most == 0 || at+most >= len(set) {
		return set.Run(&s.Ctx, at)
	}
	end, v := set[:at+most].Run(&s.Ctx, at)
	if v != rule.Continue {
		return end, v
	}
	s.yielded = true
	s.again()
	return end, rule.Suspend
}
