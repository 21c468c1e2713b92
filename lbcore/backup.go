package lbcore

import (
	"gohap/lbcore/balance"
	"gohap/lbcore/proxy"
)

// firstUsable is the policy of backup servers without option allbackups: the
// first usable one gets all traffic.
type firstUsable []*proxy.Server

// Name implements balance.Policy.
func (firstUsable) Name() string { return "first backup" }

// Dynamic implements balance.Policy.
func (firstUsable) Dynamic() bool { return true }

// Hashes implements balance.Policy.
func (firstUsable) Hashes() bool { return false }

// Touch implements balance.Policy.
func (firstUsable) Touch(int) {}

// Update implements balance.Policy: there is nothing to rebuild.
func (firstUsable) Update() {}

// Pick implements balance.Policy.
func (f firstUsable) Pick(r *balance.Request) int {
	for i, s := range f {
		if s.Usable() && i != r.Avoid {
			return i
		}
	}
	if r.Avoid >= 0 && r.Avoid < len(f) && f[r.Avoid].Usable() {
		return r.Avoid
	}
	return balance.None
}
