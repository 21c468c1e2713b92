package browser

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"gohap/e2e/oracle"
)

const conf = `global
	description "<script>document.title='broken'</script>"
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
listen page
	bind fd@3
	description "<b id=injected>"
	stats uri /status
	stats auth joe:secret
	stats refresh 2s
	stats show-legends
	stats show-desc
	stats admin if TRUE
	server web1 127.0.0.1:9 cookie "<i id=injected>"
	server web2 127.0.0.1:9
`

// TestStatisticsPage is an operator at a browser: logs in, drains a server, sees it
// drained, makes it ready, and watches the page load itself again.
func TestStatisticsPage(t *testing.T) {
	c := start(t)
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	addr, fd := oracle.Inherit(t, "127.0.0.1")
	oracle.Start(t, bin, conf, fd)
	url := "http://" + addr + "/status"

	c.open(url + ";norefresh")
	if text := c.eval("document.body.innerText"); !strings.Contains(text, "You need a valid user and password") {
		t.Fatalf("without a password: %q", text)
	}
	c.call("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]any{
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("joe:secret"))}}, nil)
	c.open(url + ";norefresh")
	if got := c.eval("document.querySelector('h3').innerText"); !strings.Contains(got, "General process information") {
		t.Fatalf("with the password: %q", got)
	}
	if got := c.eval("document.title + document.querySelectorAll('#injected').length"); !strings.HasPrefix(got, "Statistics Report for ") || !strings.HasSuffix(got, "0") {
		t.Errorf("names became markup: %q", got)
	}

	state := func(server string) string {
		return c.eval("[...document.querySelectorAll('tr')].find(r => r.querySelector('input[value=" + server + "]')).className")
	}
	if got := state("web1"); got != "active_no_check" {
		t.Errorf("web1 is shown as %s", got)
	}
	act := func(action, server string) {
		t.Helper()
		before := c.loads()
		c.eval("document.querySelector('input[value=" + server + "]').click()")
		c.eval("document.querySelector('select[name=action]').value = '" + action + "'")
		c.eval("document.querySelector('input[type=submit]').click()")
		c.loaded(before)
		if got := c.eval("document.querySelector('div.active_up').innerText"); !strings.Contains(got, "Action processed successfully.") {
			t.Errorf("%s: %q", action, got)
		}
	}
	act("drain", "web1")
	if got := c.eval("location.pathname"); got != "/status;st=DONE;norefresh" {
		t.Errorf("the page is %s", got)
	}
	if got := state("web1"); got != "active_draining" {
		t.Errorf("web1 is shown as %s once drained", got)
	}
	if got := state("web2"); got != "active_no_check" {
		t.Errorf("web2 is shown as %s", got)
	}
	act("maint", "web1")
	if got := state("web1"); got != "maintain" {
		t.Errorf("web1 is shown as %s in maintenance", got)
	}
	act("ready", "web1")
	if got := state("web1"); got != "active_no_check" {
		t.Errorf("web1 is shown as %s once ready", got)
	}
	// The box in the head of the table checks all.
	c.eval("document.querySelector('th input[type=checkbox]').click()")
	if got := c.eval("document.querySelectorAll('input[name=s]:checked').length"); got != "2" {
		t.Errorf("%s servers are checked", got)
	}
	// It loads itself again, twice.
	c.open(url)
	before := c.loads()
	c.loaded(before)
	c.loaded(before + 1)
}

// On a phone nothing is wider than the screen but the tables, which scroll.
func TestPageOnPhone(t *testing.T) {
	c := start(t)
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	addr, fd := oracle.Inherit(t, "127.0.0.1")
	oracle.Start(t, bin, strings.Replace(conf, "	stats auth joe:secret\n", "", 1), fd)
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 844, "deviceScaleFactor": 3, "mobile": true}, nil)
	c.open("http://" + addr + "/status;norefresh")
	if got := c.eval("window.innerWidth"); got != "390" {
		t.Errorf("the page is laid out for %s pixels", got)
	}
	width, err := strconv.Atoi(c.eval("document.documentElement.scrollWidth"))
	if err != nil || width > 390 {
		t.Errorf("the page is %d pixels wide: %v", width, err)
	}
	if got := c.eval("(t => t.scrollWidth > t.clientWidth)([...document.querySelectorAll('table.tbl')].pop())"); got != "true" {
		t.Errorf("the table does not scroll: %s", got)
	}
	size, err := strconv.Atoi(strings.TrimSuffix(c.eval("getComputedStyle(document.querySelector('table.tbl td')).fontSize"), "px"))
	if err != nil || size < 12 {
		t.Errorf("letters of %d pixels: %v", size, err)
	}
	// A touch of a number tells its details, all of them on the screen.
	c.call("Runtime.evaluate", map[string]any{"expression": "document.querySelector('tr.frontend u').scrollIntoView({block: 'center', inline: 'center'})"}, nil)
	at := strings.Split(c.eval("(r => r.x + r.width / 2 + ' ' + (r.y + r.height / 2))(document.querySelector('tr.frontend u').getBoundingClientRect())"), " ")
	x, errX := strconv.ParseFloat(at[0], 64)
	y, errY := strconv.ParseFloat(at[1], 64)
	if errX != nil || errY != nil {
		t.Fatal(at)
	}
	c.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": x, "y": y}, nil)
	if got := c.eval("(r => r.width > 100 && r.left >= 0 && r.right <= 390 && r.bottom <= 844)(document.querySelector('tr.frontend div.tips').getBoundingClientRect())"); got != "true" {
		t.Errorf("the details are not on the screen")
	}
}
