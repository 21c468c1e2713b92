package message

// Method is a well-known request method; MethodText always holds its bytes.
type Method uint8

// The methods that the product knows by name. They are case-sensitive
// (RFC 9110 section 9.1); everything else is MethodOther.
const (
	MethodOther Method = iota
	GET
	HEAD
	POST
	PUT
	DELETE
	OPTIONS
	TRACE
	CONNECT
	PATCH
)

// Flags are the facts that a codec learned about a message.
type Flags uint32

const (
	// Chunked: the body's length is not known beforehand; in HTTP/1 it comes and goes
	// in chunks. With NoBody it only tells what the fields say (HEAD, 304).
	Chunked Flags = 1 << iota
	// HasLength: a content-length field is present and BodyLen is its value.
	HasLength
	// HasTransfer: a transfer-encoding field is present.
	HasTransfer
	// InsecureTransfer: transfer-encoding came with content-length (or in
	// HTTP/1.0); the length was dropped and the connection of the peer that sent it
	// must not be reused after this exchange (RFC 9112 section 6.3).
	InsecureTransfer
	// ConnClose, ConnKeepAlive and ConnUpgrade: tokens of the connection fields.
	ConnClose
	ConnKeepAlive
	ConnUpgrade
	// HasConnection: a connection field is present.
	HasConnection
	// HasUpgrade: an upgrade field is left.
	HasUpgrade
	// UpgradeWebSocket: the upgrade names the websocket protocol.
	UpgradeWebSocket
	// HasHost: a host field is present.
	HasHost
	// AbsoluteForm: the target has a scheme and an authority.
	AbsoluteForm
	// AuthorityForm: the target is host:port (CONNECT).
	AuthorityForm
	// AsteriskForm: the target is "*" (OPTIONS).
	AsteriskForm
	// Expect100: the client waits for an interim 100 before its body.
	Expect100
	// NoBody: no body follows whatever the fields say (answer to HEAD, 1xx, 204,
	// 304); look at it before Chunked and HasLength.
	NoBody
	// Interim: a 1xx response other than 101; the final one is still to come.
	Interim
	// Tunnel: after this head bytes flow both ways unframed (101, 2xx to CONNECT).
	Tunnel
	// UntilClose: the response's body ends with the connection.
	UntilClose
	// Preface: the head is the HTTP/2 connection preface's first line and empty
	// line (RFC 9113 section 3.4); the mux judges what follows.
	Preface
)

// Has reports whether all bits of g are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// FieldFlags describe one header field.
type FieldFlags uint8

const (
	// FieldDeleted: the field is skipped on output and in look-ups.
	FieldDeleted FieldFlags = 1 << iota
	// FieldVerbatim: Name, ": ", Value and CRLF stand contiguous in one buffer and
	// both slices reach to that buffer's capacity, so that an encoder may copy
	// runs of such fields at once. Only decoders set it.
	FieldVerbatim
)

// Field is one header field. Name is lower-case, Value has no blanks around it.
type Field struct {
	Name, Value []byte
	ID          ID
	Flags       FieldFlags
}

// Head is the head of a request or a response.
type Head struct {
	Flags        Flags
	Response     bool
	Major, Minor uint8

	Method             Method
	MethodText, Target []byte // requests

	// VersionText is the version as received where it is not HTTP/d.d, which only
	// relaxed decoders let pass; nil otherwise.
	VersionText []byte

	Status int    // responses
	Reason []byte // responses; may be empty

	Fields []Field
	// BodyLen is the body's length in bytes where it is known, else -1 (chunked,
	// or until the connection closes).
	BodyLen int64
}

// Reset empties the head and keeps the room of Fields.
func (h *Head) Reset() {
	f := h.Fields[:0]
	*h = Head{Fields: f}
}

// Version11 reports whether the message is at least HTTP/1.1.
func (h *Head) Version11() bool { return h.Major > 1 || h.Major == 1 && h.Minor >= 1 }

// Find returns the index of the first field of that name, or -1. The name is
// lower-case.
func (h *Head) Find(name []byte) int { return h.FindNext(name, 0) }

// FindNext is Find beginning at index from.
func (h *Head) FindNext(name []byte, from int) int {
	id := Identify(name)
	for i := from; i < len(h.Fields); i++ {
		f := &h.Fields[i]
		if f.ID == id && f.Flags&FieldDeleted == 0 && (id != IDOther || string(f.Name) == string(name)) {
			return i
		}
	}
	return -1
}

// FindID returns the index of the first field with that ID at or after index
// from, or -1. IDOther matches every name that has no ID.
func (h *Head) FindID(id ID, from int) int {
	for i := from; i < len(h.Fields); i++ {
		if f := &h.Fields[i]; f.ID == id && f.Flags&FieldDeleted == 0 {
			return i
		}
	}
	return -1
}

// FindLast returns the index of the last field of that name, or -1.
func (h *Head) FindLast(name []byte) int {
	id := Identify(name)
	for i := len(h.Fields) - 1; i >= 0; i-- {
		f := &h.Fields[i]
		if f.ID == id && f.Flags&FieldDeleted == 0 && (id != IDOther || string(f.Name) == string(name)) {
			return i
		}
	}
	return -1
}

// Add appends a field. The caller passes memory that lives as long as the head;
// the name is lower-case, the value is trimmed.
func (h *Head) Add(name, value []byte) {
	h.Fields = append(h.Fields, Field{Name: name, Value: value, ID: Identify(name)})
}

// AddID is Add for a name whose ID the caller knows.
func (h *Head) AddID(id ID, value []byte) {
	h.Fields = append(h.Fields, Field{Name: id.Name(), Value: value, ID: id})
}

// Set removes all fields of that name and appends one (reference: set-header
// puts the new line last).
func (h *Head) Set(name, value []byte) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes all fields of that name and returns how many there were.
func (h *Head) Del(name []byte) int {
	n := 0
	for i := h.FindNext(name, 0); i >= 0; i = h.FindNext(name, i+1) {
		h.DelAt(i)
		n++
	}
	return n
}

// DelAt removes the field at index i; the other indices stay valid.
func (h *Head) DelAt(i int) { h.Fields[i].Flags |= FieldDeleted }

// ReplaceValue gives the field at index i another value, in its place.
func (h *Head) ReplaceValue(i int, value []byte) {
	f := &h.Fields[i]
	f.Value = value
	f.Flags &^= FieldVerbatim
}
