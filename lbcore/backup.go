package lbcore

import "gohap/lbcore/proxy"

// firstUsable is the policy of backup servers without option allbackups: the
// first usable one gets all traffic.
type firstUsable []*proxy.Server

// Name implements balance.Policy.
func (firstUsable) Name() string { return "first backup" }

// Dynamic implements balance.Policy.
func (firstUsable) Dynamic() bool { return true }

// Update implements balance.Policy: there is nothing to rebuild.
func (firstUsable) Update() {}

// Pick implements balance.Policy.
func (f firstUsable) Pick(avoid int) int {
	for i, s := range f {
		if s.Usable() && i != avoid {
			return i
		}
	}
	if avoid >= 0 && avoid < len(f) && f[avoid].Usable() {
		return avoid
	}
	return -1
}
