package transport

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// What crypto/tls keeps of a connection between its messages has no other door:
// the buffers of received records, handshake messages and flights. Where a
// toolchain has them elsewhere nothing is released and every connection counts as
// one that may hold input; a test says so.
var inner struct{ rawInput, input, hand, sendBuf uintptr }

// keepInput is the capacity of the receive buffer that an idle connection keeps,
// bytes: a request's record fits.
const keepInput = 2048

var slackKnown = func() bool {
	t := reflect.TypeFor[tls.Conn]()
	find := func(name string, want reflect.Type, at *uintptr) bool {
		f, ok := t.FieldByName(name)
		*at = f.Offset
		return ok && f.Type == want
	}
	return find("rawInput", reflect.TypeFor[bytes.Buffer](), &inner.rawInput) &&
		find("input", reflect.TypeFor[bytes.Reader](), &inner.input) &&
		find("hand", reflect.TypeFor[bytes.Buffer](), &inner.hand) &&
		find("sendBuf", reflect.TypeFor[[]byte](), &inner.sendBuf)
}()

func field[T any](c *tls.Conn, offset uintptr) *T { return (*T)(unsafe.Add(unsafe.Pointer(c), offset)) }

// held returns how many received bytes wait in a connection whose handshake is
// over, encrypted or not.
func held(c *tls.Conn) int {
	if !slackKnown {
		return 1
	}
	return field[bytes.Reader](c, inner.input).Len() + field[bytes.Buffer](c, inner.rawInput).Len()
}

// release gives back the buffers of a connection whose handshake is over and that
// waits for a message.
func release(c *tls.Conn) {
	if !slackKnown {
		return
	}
	if raw := field[bytes.Buffer](c, inner.rawInput); raw.Cap() > keepInput && held(c) == 0 {
		field[bytes.Reader](c, inner.input).Reset(nil)
		*raw = bytes.Buffer{}
	}
	if hand := field[bytes.Buffer](c, inner.hand); hand.Cap() > 0 && hand.Len() == 0 {
		*hand = bytes.Buffer{}
	}
	if send := field[[]byte](c, inner.sendBuf); len(*send) == 0 {
		*send = nil
	}
}
