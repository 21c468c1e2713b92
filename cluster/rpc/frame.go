package rpc

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxHead bounds the JSON of a frame, maxBody the bytes behind it.
const (
	maxHead = 4 << 20
	maxBody = 1 << 30
)

type request struct {
	Method string          `json:"method"`
	Args   json.RawMessage `json:"args,omitempty"`
	Body   int64           `json:"body,omitempty"`
}

type response struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
	Code   string          `json:"code,omitempty"`
	Body   int64           `json:"body,omitempty"`
}

var errFrame = errors.New("a frame that is none")

// writeFrame writes a head and the body behind it.
func writeFrame(w io.Writer, head any, body io.Reader, size int64) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if len(text) > maxHead {
		return fmt.Errorf("a message of %d bytes, %d is the most", len(text), maxHead)
	}
	if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)); err != nil || size == 0 {
		return err
	}
	n, err := io.CopyN(w, body, size)
	if err == io.EOF && n < size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// readHead reads a frame's head. What it takes of memory grows with what comes, not
// with what is announced.
func readHead(r io.Reader, into any) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxHead {
		return fmt.Errorf("%w: a head of %d bytes", errFrame, n)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(n)))
	switch {
	case err != nil:
		return err
	case len(text) < int(n):
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}

func checkBody(n int64) error {
	if n < 0 || n > maxBody {
		return fmt.Errorf("%w: a body of %d bytes", errFrame, n)
	}
	return nil
}
