package oracle

import (
	"strings"
	"testing"
)

// The first line of the statistics names the columns; ours are the reference's
// generic ones, in their order. Columns of modules follow behind the "-".
func TestCSVHeader(t *testing.T) {
	bin, err := Gohap()
	if err != nil {
		t.Fatal(err)
	}
	ref := csvHeader(t, startProgram(t, "haproxy", reference(t)))
	got := csvHeader(t, startProgram(t, "gohap", bin))
	if ref != got {
		t.Errorf("CSV header\nreference %s\ngohap     %s", ref, got)
	}
}

// csvHeader returns the header's generic part.
func csvHeader(t *testing.T, p *program) string {
	t.Helper()
	header, _, _ := strings.Cut(command(t, p, "show stat"), "\n")
	generic, _, ok := strings.Cut(header, ",-,")
	if !ok || !strings.HasPrefix(generic, "# pxname,svname,") {
		t.Fatalf("%s: no CSV header: %q", p.name, header)
	}
	return generic
}

// command asks the program's socket, which may not be there yet.
func command(t *testing.T, p *program, text string) (answer string) {
	t.Helper()
	var err error
	if !Eventually(patience, func() bool { answer, err = Command(p.dir+"/cli", text); return err == nil }) {
		t.Fatalf("%s: %q: %v", p.name, text, err)
	}
	return answer
}
