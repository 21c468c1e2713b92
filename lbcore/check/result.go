package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"gohap/lbcore/proxy"
)

// The statuses of checks.
const (
	CHECKED  = "CHECKED"
	HANA     = "HANA"
	SOCKERR  = "SOCKERR"
	L4OK     = "L4OK"
	L4CON    = "L4CON"
	L4TOUT   = "L4TOUT"
	L6OK     = "L6OK"
	L6RSP    = "L6RSP"
	L6TOUT   = "L6TOUT"
	L7OK     = "L7OK"
	L7OKC    = "L7OKC"
	L7RSP    = "L7RSP"
	L7STS    = "L7STS"
	L7TOUT   = "L7TOUT"
	PROCERR  = "PROCERR"
	PROCOK   = "PROCOK"
	PROCTOUT = "PROCTOUT"
)

// reasons are the long forms, in log lines and in the column check_desc.
var reasons = map[string]string{
	"UNK": "Unknown", "INI": "Initializing", SOCKERR: "Socket error",
	L4OK: "Layer4 check passed", L4CON: "Layer4 connection problem", L4TOUT: "Layer4 timeout",
	L6OK: "Layer6 check passed", L6RSP: "Layer6 invalid response", L6TOUT: "Layer6 timeout",
	L7OK: "Layer7 check passed", L7OKC: "Layer7 check conditionally passed", L7RSP: "Layer7 invalid response",
	L7STS: "Layer7 wrong status", L7TOUT: "Layer7 timeout", HANA: "Health analyze", CHECKED: "No status change",
	PROCERR: "External check error", PROCOK: "External check passed", PROCTOUT: "External check timeout",
}

// HasCode tells whether a code belongs to a status.
func HasCode(status string) bool {
	switch status {
	case L7OK, L7OKC, L7STS, PROCERR, PROCOK, PROCTOUT:
		return true
	}
	return false
}

// Reason returns the long form of a check's status, "" for one that does not
// exist.
func Reason(status string) string { return reasons[status] }

// classify turns what a dial returned into a result. What the network answered
// is printed as it is; what this machine refused to try is a general socket
// error, of layer 4 for IP and of the socket itself for unix sockets.
func (t *target) classify(err error) proxy.Result {
	if err == nil {
		return proxy.Result{OK: true, Status: L4OK}
	}
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, syscall.ETIMEDOUT) {
		return proxy.Result{Status: L4TOUT}
	}
	text := errorText(err)
	switch {
	case t.network == "unix", t.network == overPair:
		return proxy.Result{Status: SOCKERR, Desc: fmt.Sprintf("General socket error (%s)", text)}
	case errors.Is(err, errSource):
		return proxy.Result{Status: L4CON, Desc: "Can't bind to source address"}
	case answered(err):
		return proxy.Result{Status: L4CON, Desc: text}
	}
	return proxy.Result{Status: L4CON, Desc: fmt.Sprintf("General socket error (%s)", text)}
}

// answered tells whether an error came back from the network.
func answered(err error) bool {
	for _, e := range []syscall.Errno{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ETIMEDOUT, syscall.ECONNRESET, syscall.EHOSTDOWN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// errorText is the C library's text of an error: Go's own begins with a small
// letter.
func errorText(err error) string {
	text := err.Error()
	var e syscall.Errno
	if errors.As(err, &e) {
		text = e.Error()
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func asTimeout(err error, to *net.Error) bool { return errors.As(err, to) && (*to).Timeout() }

// numbers are the reference's numbers of the statuses, in lists of servers' states
// and files of them.
var numbers = [...]string{0: "UNK", 1: "INI", 2: "START", 3: CHECKED, 4: HANA, 5: SOCKERR, 6: L4OK, 7: L4TOUT, 8: L4CON,
	9: L6OK, 10: L6TOUT, 11: L6RSP, 12: L7TOUT, 13: L7RSP, 14: L7OKD, 15: L7OK, 16: L7OKC, 17: L7STS,
	18: PROCERR, 19: PROCTOUT, 20: PROCOK}

// L7OKD is a status that the reference has a number for and no check ends with.
const L7OKD = "L57DATA"

// Statuses is how many numbers there are.
const Statuses = len(numbers)

// Number returns the number of a status; that of a server without check is INI's.
func Number(status string) int {
	if i := slices.Index(numbers[:], status); i >= 0 {
		return i
	}
	return 1
}

// StatusOf returns the status of a number, false when there is none.
func StatusOf(number int) (string, bool) {
	if number < 0 || number >= len(numbers) {
		return "", false
	}
	return numbers[number], true
}
