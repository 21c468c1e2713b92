package rule

import (
	"slices"

	"gohap/lbcore/h1"
	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// Reply is a response that a rule, an error or a page sends from here. It is
// built once, while the configuration is read.
type Reply struct {
	Status int
	// Code is the error that the reply stands for, which logs and counters tell
	// instead of Status; zero: Status.
	Code int
	// Reason replaces the built-in reason phrase where not empty.
	Reason []byte
	// Major and Minor are the version of an error file; zero means 1.1.
	Major, Minor uint8
	// Builtin: the error page of Status, as configured where it is sent.
	Builtin bool
	// Complete: Fields are the whole head (an error file), nothing is added.
	Complete bool
	// Close: the answer is the client connection's last one. An error file's
	// connection field stands in Fields then, marked as deleted: see Raw.
	Close bool
	// UntilClose: an error file without a length ends with the connection.
	UntilClose bool
	// Silent: close without a byte (errorfile /dev/null).
	Silent bool
	// Fields are sent as they are; Headers are formatted for each reply and
	// come first.
	Fields  []message.Field
	Headers []Header
	// ContentType is sent with content; Body or Content (a log-format string)
	// is the content. With neither the reply has only content-length: 0.
	ContentType string
	Body        []byte
	Content     *sample.Format
	HasContent  bool
	// Location is the formatted target of a redirect, appended to Prefix.
	Location *Location
}

// Counts returns the status that logs and counters tell.
func (r *Reply) Counts() int {
	if r.Code != 0 {
		return r.Code
	}
	return r.Status
}

// ReasonText returns the reason phrase to send. Loops share replies: nothing is kept.
func (r *Reply) ReasonText() []byte {
	if len(r.Reason) == 0 {
		return message.Reason(r.Status)
	}
	return r.Reason
}

// Raw returns an error file's reply as the bytes that the parser's errors send:
// with its connection field at its place, and none where it has none
// (reference).
func Raw(r *Reply) []byte {
	if r.Silent {
		return nil
	}
	fields := slices.Clone(r.Fields)
	for i := range fields {
		fields[i].Flags &^= message.FieldDeleted
	}
	h := message.Head{Response: true, Major: r.Major, Minor: r.Minor, Status: r.Status, Reason: r.ReasonText(),
		Fields: fields, BodyLen: int64(len(r.Body)), Flags: message.HasLength}
	if h.Major == 0 {
		h.Major, h.Minor = 1, 1
	}
	return append(h1.AppendResponse(nil, &h, h1.ConnNone), r.Body...)
}

// Header is a header line whose value is formatted for each reply.
type Header struct {
	Name  []byte // lower-case
	Value *sample.Format
}

// Location writes the target of a redirect.
type Location struct {
	Append  func(c *sample.Context, dst []byte) []byte
	Cookie  string // the value of set-cookie, "" for none
	NoCache bool   // 302, 303, 307
	// CookieFormat computes the value of set-cookie; nil means Cookie.
	CookieFormat *sample.Format
}

// Pages is a table of error replies by status.
type Pages map[int]*Reply
