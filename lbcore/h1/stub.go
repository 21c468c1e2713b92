package h1

import "gohap/lbcore/message"

// Decoder parses heads; it resumes where the last call ended.
type Decoder struct{ fail Failure }

func (d *Decoder) Reset() {}
func (d *Decoder) Request(b []byte, h *message.Head, o *Options) (n int, st Status) {
	return 0, NeedMore
}
func (d *Decoder) Response(b []byte, h *message.Head, o *Options, req *RequestInfo) (n int, st Status) {
	return 0, NeedMore
}
func (d *Decoder) Failure() Failure { return d.fail }

// Chunks decodes a chunked body.
type Chunks struct{ trailers []message.Field }

func (c *Chunks) Reset()                                              {}
func (c *Chunks) Next(b []byte) (skip, data int, st Status)           { return 0, 0, NeedMore }
func (c *Chunks) Trailers() []message.Field                           { return c.trailers }
func AppendRequest(dst []byte, h *message.Head, c Connection) []byte  { return dst }
func AppendResponse(dst []byte, h *message.Head, c Connection) []byte { return dst }
func AppendChunkSize(dst []byte, n int) []byte                        { return dst }
func AppendTrailers(dst []byte, f []message.Field) []byte             { return dst }
