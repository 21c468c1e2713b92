package rule

import (
	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// Reply is a response that a rule, an error or a page sends from here. It is
// built once, while the configuration is read.
type Reply struct {
	Status int
	// Reason replaces the built-in reason phrase where not empty.
	Reason string
	// Major and Minor are the version of an error file; zero means 1.1.
	Major, Minor uint8
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
}

// Pages is a table of error replies by status.
type Pages map[int]*Reply
