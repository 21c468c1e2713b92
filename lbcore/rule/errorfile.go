package rule

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"gohap/lbcore/h1"
	"gohap/lbcore/message"
)

// ParseErrorFile reads a complete HTTP response. An empty file means that the
// connection is closed without an answer. Reference: names come out in lower
// case, its version is kept; its connection field closes the client and stands
// at its place only where the page answers what never became a request.
func ParseErrorFile(code int, text []byte) (*Reply, error) {
	if len(text) == 0 {
		return &Reply{Status: code, Silent: true}, nil
	}
	var d h1.Decoder
	var h message.Head
	text = bytes.Clone(text)
	n, st := d.Response(text, &h, &h1.Options{}, &h1.RequestInfo{})
	switch st {
	case h1.Failed:
		return nil, fmt.Errorf("unable to parse headers (error offset: %d)", d.Failure().Pos)
	case h1.NeedMore:
		return nil, errors.New("unable to parse headers (error offset: -2)") // reference: the head does not end
	}
	if h.Flags.Has(message.Chunked) {
		return nil, errors.New("chunk-encoded payload not supported")
	}
	at := connectionField(text[:n])
	body := text[n:]
	r := &Reply{Status: h.Status, Code: code, Reason: h.Reason, Major: h.Major, Minor: h.Minor, Complete: true, Body: body}
	if h.Flags.Has(message.HasLength) && h.BodyLen != int64(len(body)) {
		return nil, fmt.Errorf("payload size does not match the announced content-length (%d != %d)", len(body), h.BodyLen)
	}
	length := false
	for _, f := range h.Fields {
		if f.Flags&message.FieldDeleted != 0 || f.ID == message.IDTransferEncoding {
			continue
		}
		length = length || f.ID == message.IDContentLength
		r.Fields = append(r.Fields, message.Field{Name: f.Name, Value: f.Value, ID: f.ID})
	}
	r.UntilClose = !length
	if h.Flags.Has(message.ConnClose) {
		r.Close = true
		r.Fields = slices.Insert(r.Fields, min(at, len(r.Fields)), message.Field{Name: message.IDConnection.Name(),
			Value: []byte("close"), ID: message.IDConnection, Flags: message.FieldDeleted})
	}
	return r, nil
}

// connectionField returns how many fields stand before the connection field of
// a head, which the decoder takes out.
func connectionField(head []byte) int {
	n := 0
	for _, line := range bytes.Split(head, []byte("\n"))[1:] {
		name, _, field := bytes.Cut(line, []byte(":"))
		switch {
		case !field || line[0] == ' ' || line[0] == '\t':
		case message.EqualFold(name, message.IDConnection.Name()):
			return n
		case !message.EqualFold(name, message.IDTransferEncoding.Name()):
			n++
		}
	}
	return n
}
