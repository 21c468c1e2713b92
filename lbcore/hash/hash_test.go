package hash

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"gohap/e2e/oracle"
)

var update = flag.Bool("update", false, "write testdata/reference.txt from the reference")

const golden = "testdata/reference.txt"

// The columns of the golden file: what the reference is asked, and ours. The
// seeds need both halves of 64 bits, and a sign.
var columns = []struct {
	converter string
	ours      func(b []byte) int64
}{
	{"sdbm", func(b []byte) int64 { return int64(SDBM(0, b)) }},
	{"sdbm(1)", func(b []byte) int64 { return int64(Avalanche(SDBM(0, b))) }},
	{"djb2", func(b []byte) int64 { return int64(DJB2(b)) }},
	{"djb2(1)", func(b []byte) int64 { return int64(Avalanche(DJB2(b))) }},
	{"wt6", func(b []byte) int64 { return int64(WT6(b)) }},
	{"wt6(1)", func(b []byte) int64 { return int64(Avalanche(WT6(b))) }},
	{"crc32", func(b []byte) int64 { return int64(CRC32(b)) }},
	{"crc32(1)", func(b []byte) int64 { return int64(Avalanche(CRC32(b))) }},
	{"crc32c", func(b []byte) int64 { return int64(CRC32C(b)) }},
	{"crc32c(1)", func(b []byte) int64 { return int64(Avalanche(CRC32C(b))) }},
	{"xxh32", func(b []byte) int64 { return int64(XXH32(b, 0)) }},
	{"xxh32(4294967295)", func(b []byte) int64 { return int64(XXH32(b, 1<<32-1)) }},
	{"xxh64", func(b []byte) int64 { return int64(XXH64(b, 0)) }},
	{"xxh64(1311768467463790320)", func(b []byte) int64 { return int64(XXH64(b, 0x123456789abcdef0)) }},
	{"xxh3", func(b []byte) int64 { return int64(XXH3(b, 0)) }},
	{"xxh3(-7)", func(b []byte) int64 { return int64(XXH3(b, ^uint64(6))) }},
}

// inputs are every length up to 320 bytes and lengths around the block sizes of
// the longer forms; the bytes come from a linear congruence. One is missing: the
// reference has no value for an empty body.
func inputs() (all [][]byte) {
	state := uint32(1)
	add := func(size int) {
		b := make([]byte, size)
		for i := range b {
			state = state*1664525 + 1013904223
			b[i] = byte(state >> 24)
		}
		all = append(all, b)
	}
	for size := 1; size <= 320; size++ {
		add(size)
	}
	for _, edge := range []int{512, 1024, 1088, 2048, 4096, 10240} {
		for size := edge - 2; size <= edge+2; size++ {
			add(size)
		}
	}
	for c := range 50 {
		all = append(all, bytes.Repeat([]byte{byte(c * 5)}, 1+c%9))
	}
	return all
}

// TestReference compares every function with what the reference printed, and
// what it printed with what it prints, where it is installed.
func TestReference(t *testing.T) {
	all := inputs()
	if live, ok := askReference(t, all); ok {
		if *update {
			if err := os.WriteFile(golden, []byte(live), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if text, err := os.ReadFile(golden); err != nil || string(text) != live {
			t.Errorf("the reference says otherwise than %s (%v)", golden, err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	if len(lines) != len(all) {
		t.Fatalf("%d lines for %d inputs", len(lines), len(all))
	}
	for i, line := range lines {
		words := strings.Fields(line)
		if len(words) != len(columns)+1 || words[0] != strconv.Itoa(len(all[i])) {
			t.Fatalf("line %d: %q", i+2, line)
		}
		for j, c := range columns {
			if got := strconv.FormatInt(c.ours(all[i]), 10); got != words[j+1] {
				t.Errorf("%s of %d bytes: %s, the reference %s", c.converter, len(all[i]), got, words[j+1])
			}
		}
	}
}

// TestKnown are the values that the specifications and everybody else give.
func TestKnown(t *testing.T) {
	nine := []byte("123456789")
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"crc32 check value", uint64(CRC32(nine)), 0xcbf43926},
		{"crc32c check value", uint64(CRC32C(nine)), 0xe3069283},
		{"xxh32 of nothing", uint64(XXH32(nil, 0)), 0x02cc5d05},
		{"xxh64 of nothing", XXH64(nil, 0), 0xef46db3751d8e999},
		{"xxh3 of nothing", XXH3(nil, 0), 0x2d06800538d394c2},
		{"djb2 of nothing", uint64(DJB2(nil)), 5381},
		{"sdbm in two parts", uint64(SDBM(SDBM(0, nine[:4]), nine[4:])), uint64(SDBM(0, nine))},
	} {
		if c.got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, c.got, c.want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, size := range []int{3, 8, 16, 100, 200, 5000} {
		b := make([]byte, size)
		for _, c := range columns {
			if n := testing.AllocsPerRun(10, func() { c.ours(b) }); n != 0 {
				t.Errorf("%s of %d bytes: %v allocations", c.converter, size, n)
			}
		}
	}
}

// askReference sends every input as a body and returns the lines of the golden
// file; ok is false where the reference is not installed (e2e/oracle/install.sh).
func askReference(t *testing.T, all [][]byte) (text string, ok bool) {
	t.Helper()
	bin, err := oracle.Haproxy()
	if err != nil {
		return "", false
	}
	addr := startReference(t, bin)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	out, in := &strings.Builder{}, bufio.NewReader(conn)
	out.WriteString("# bytes")
	for _, c := range columns {
		out.WriteString(" " + c.converter)
	}
	out.WriteString("\n")
	for _, b := range all {
		if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n%s", len(b), b); err != nil {
			t.Fatal(err)
		}
		body, err := response(in)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "%d %s\n", len(b), body)
	}
	return out.String(), true
}

// response reads one response that has a length.
func response(in *bufio.Reader) (string, error) {
	size := -1
	for n := 0; ; n++ {
		line, err := in.ReadString('\n')
		switch line = strings.TrimSpace(line); {
		case err != nil:
			return "", err
		case n == 0 && !strings.HasPrefix(line, "HTTP/1.1 200 "):
			return "", errors.New(line)
		case strings.HasPrefix(line, "content-length: "):
			size, _ = strconv.Atoi(line[len("content-length: "):])
		case line == "" && size < 0:
			return "", errors.New("no length")
		case line == "":
			body := make([]byte, size)
			_, err := io.ReadFull(in, body)
			return string(body), err
		}
	}
}

// startReference runs the reference on a socket that it inherits, so that it is
// reachable at once.
func startReference(t *testing.T, bin string) string {
	t.Helper()
	var items []string
	for _, c := range columns {
		items = append(items, "%[req.body,"+c.converter+"]")
	}
	addr, fd := oracle.Inherit(t, "127.0.0.1")
	oracle.Start(t, bin, `defaults
	mode http
	timeout client 60s
frontend f
	bind fd@3
	option http-buffer-request
	http-request return status 200 content-type text/plain lf-string "`+strings.Join(items, " ")+`"
`, fd)
	return addr
}
