package h1

import "bytes"

// Cases are the spellings that names of fields get on the wire (h1-case-adjust), by
// the lower-case name; nil for none. It is read-only.
type Cases map[string]string

// Apply spells the names of an encoded head, or of trailers behind their last chunk:
// each line's but the first one's. A spelling is as long as the name.
func (m Cases) Apply(head []byte) {
	for {
		i := bytes.IndexByte(head, '\n')
		if i < 0 {
			return
		}
		head = head[i+1:]
		colon := bytes.IndexByte(head, ':')
		if end := bytes.IndexByte(head, '\n'); colon < 0 || end < colon {
			continue
		}
		if to, ok := m[string(head[:colon])]; ok {
			copy(head, to)
		}
	}
}
