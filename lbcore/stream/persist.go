package stream

import "gohap/lbcore/proxy"

// persistent returns the server that persistence names for the request, nil
// when none does: the backend's policy decides then. It is asked once for each
// request, before the policy; a redispatch does not ask it again.
func (s *Stream) persistent() *proxy.Server { return nil }
