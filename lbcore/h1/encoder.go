package h1

import (
	"strconv"

	"gohap/lbcore/message"
)

// AppendRequest appends the request head: a fresh start line (HTTP/1.1 for every
// version from there on), the fields in their order, then the connection field.
// Transfer-encoding is written as chunked when the head is Chunked and left out
// otherwise; of te only trailers stays (RFC 9110 section 10.1.4).
func AppendRequest(dst []byte, h *message.Head, c Connection) []byte {
	dst = append(dst, h.MethodText...)
	dst = append(dst, ' ')
	dst = append(dst, h.Target...)
	dst = append(dst, ' ')
	dst = appendVersion(dst, h)
	dst = append(dst, '\r', '\n')
	return appendFields(dst, h, c)
}

// AppendResponse appends the response head like AppendRequest. A missing reason
// is filled in (reference).
func AppendResponse(dst []byte, h *message.Head, c Connection) []byte {
	dst = appendVersion(dst, h)
	dst = append(dst, ' ')
	dst = appendStatus(dst, h.Status)
	dst = append(dst, ' ')
	if len(h.Reason) == 0 {
		dst = append(dst, message.Reason(h.Status)...)
	} else {
		dst = append(dst, h.Reason...)
	}
	dst = append(dst, '\r', '\n')
	return appendFields(dst, h, c)
}

// appendStatus writes at least three digits (RFC 9112 section 4).
func appendStatus(dst []byte, status int) []byte {
	if status < 100 {
		dst = append(dst, '0')
	}
	if status < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(status), 10)
}

func appendVersion(dst []byte, h *message.Head) []byte {
	switch {
	case h.Version11():
		return append(dst, "HTTP/1.1"...)
	case h.VersionText != nil:
		return append(dst, h.VersionText...)
	}
	return append(dst, 'H', 'T', 'T', 'P', '/', '0'+h.Major, '.', '0'+h.Minor)
}

// appendFields writes the fields, runs of adjacent verbatim lines in one copy,
// and ends the head.
func appendFields(dst []byte, h *message.Head, c Connection) []byte {
	coding := false
	for i := 0; i < len(h.Fields); i++ {
		f := &h.Fields[i]
		switch {
		case f.Flags == message.FieldVerbatim:
			// Both slices reach to the end of one buffer, so capacities tell distances.
			first, end := f.Name, cap(f.Value)-len(f.Value)
			for i+1 < len(h.Fields) {
				g := &h.Fields[i+1]
				if g.Flags != message.FieldVerbatim || cap(g.Name) != end-2 {
					break
				}
				end = cap(g.Value) - len(g.Value)
				i++
			}
			dst = append(dst, first[:cap(first)-end+2]...)
		case f.Flags&message.FieldDeleted != 0:
		case f.ID == message.IDTransferEncoding:
			if h.Flags.Has(message.Chunked) && !coding {
				coding = true
				dst = append(dst, "transfer-encoding: chunked\r\n"...)
			}
		case f.ID == message.IDTE:
			if message.HasToken(f.Value, "trailers") {
				dst = append(dst, "te: trailers\r\n"...)
			}
		default:
			dst = appendField(dst, f)
		}
	}
	if h.Flags.Has(message.Chunked) && !coding {
		dst = append(dst, "transfer-encoding: chunked\r\n"...)
	}
	switch c {
	case ConnClose:
		dst = append(dst, "connection: close\r\n"...)
	case ConnKeepAlive:
		dst = append(dst, "connection: keep-alive\r\n"...)
	}
	return append(dst, '\r', '\n')
}

func appendField(dst []byte, f *message.Field) []byte {
	dst = append(dst, f.Name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, f.Value...)
	return append(dst, '\r', '\n')
}
