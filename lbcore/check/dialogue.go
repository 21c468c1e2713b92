package check

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"gohap/lbcore/sample"
)

// The built-in dialogues. Each makes a plan; the texts are the reference's.

func regex(pattern string) *sample.Regex {
	r, err := sample.CompileRegex(pattern, false)
	if err != nil {
		panic(err) // a constant
	}
	return r
}

// line is what there is of the first line behind offset at.
func line(at int) func([]byte) string {
	return func(b []byte) string {
		if at >= len(b) {
			return ""
		}
		text := strings.TrimLeft(string(b[at:]), " ")
		if i := strings.IndexAny(text, "\r\n\x00"); i >= 0 {
			text = text[:i]
		}
		return text
	}
}

func fixed(text string) func([]byte) string { return func([]byte) string { return text } }

// leadingNumber reads the reply code of three digits that data begins with.
func leadingNumber(data []byte) int {
	if len(data) < 3 {
		return 0
	}
	n, _ := strconv.Atoi(string(data[:3]))
	return n
}

func dialogue(rules ...Rule) *Plan {
	for i := range rules {
		rules[i].Index = i
		if first := rules[0].Connect; first != nil && !first.Implicit {
			rules[i].Index = i + 1
		}
	}
	return &Plan{Kind: KindProtocol, Rules: rules}
}

func connectRule(linger bool) Rule {
	return Rule{Connect: &Connect{Implicit: !linger, Default: true, Linger: linger}}
}

func sendText(text string) Rule { return Rule{Send: &Send{Data: []byte(text)}} }

// Redis returns the plan of option redis-check.
func Redis() *Plan {
	return dialogue(connectRule(false), sendText("*1\r\n$4\r\nPING\r\n"), Rule{Expect: &Expect{
		Match: MatchString, MinRecv: -1, Text: []byte("+PONG\r\n"), ErrorStatus: L7STS,
		ErrorText: line(0), SuccessText: fixed("Redis server is ok")}})
}

// SMTP returns the plan of option smtpchk with its greeting, "HELO localhost".
func SMTP(hello string) *Plan {
	return dialogue(connectRule(true),
		Rule{Expect: &Expect{Match: MatchRegex, Regex: regex(`^[0-9]{3}[ \r]`), MinRecv: 4, ErrorText: line(0)}},
		Rule{Expect: &Expect{Match: MatchRegex, Regex: regex(`^2[0-9]{2}[ \r]`), MinRecv: 4, ErrorStatus: L7STS, ErrorText: line(4), CodeOf: leadingNumber}},
		sendText(hello+"\r\n"),
		Rule{Expect: &Expect{Match: MatchRegex, Regex: regex(`^(2[0-9]{2}-[^\r]*\r\n)*2[0-9]{2}[ \r]`), MinRecv: -1, ErrorStatus: L7STS, ErrorText: line(4), CodeOf: leadingNumber}},
		sendText("QUIT\r\n"),
		Rule{Expect: &Expect{Match: MatchRegex, Regex: regex(`^2[0-9]{2}[- \r]`), MinRecv: 4, ErrorStatus: L7STS,
			ErrorText: line(4), SuccessText: line(4), CodeOf: leadingNumber}})
}

// SSLHello returns the plan of option ssl-hello-chk: an SSLv3 hello without a
// session that offers the ciphers 1 to 27 and 47 to 58.
func SSLHello() *Plan {
	hello := func(now int64) []byte {
		b := []byte("\x16\x03\x00\x00\x79\x01\x00\x00\x75\x03\x00")
		b = binary.BigEndian.AppendUint32(b, uint32(now))
		b = append(b, "HAPROXYSSLCHK\nHAPROXYSSLCHK\n\x00\x00\x4e"...)
		for _, span := range [][2]byte{{0x01, 0x1b}, {0x2f, 0x3a}} {
			for c := span[0]; c <= span[1]; c++ {
				b = append(b, 0, c)
			}
		}
		return append(b, 1, 0)
	}
	return dialogue(connectRule(false), Rule{Send: &Send{Make: hello}}, Rule{Expect: &Expect{
		Match: MatchHexRegex, Regex: regex("^1[56]"), MinRecv: 5, OKStatus: L6OK, ErrorStatus: L6RSP, TimeoutStatus: L6TOUT}})
}

// PgSQL returns the plan of option pgsql-check.
func PgSQL(user string) *Plan {
	b := binary.BigEndian.AppendUint32(nil, uint32(15+len(user)))
	b = append(b, "\x00\x03\x00\x00user\x00"+user+"\x00\x00"...)
	severity := func(data []byte) string { return line(6)(data) }
	return dialogue(connectRule(false), Rule{Send: &Send{Data: b}},
		Rule{Expect: &Expect{Match: MatchRegex, Regex: regex("^E"), Not: true, MinRecv: 5, ErrorText: severity}},
		Rule{Expect: &Expect{Match: MatchHexRegex, Regex: regex("^52000000[A-Z0-9]{2}000000(00|02|03|04|05|06|07|09|0A)"), MinRecv: 9,
			ErrorStatus: L7STS, SuccessText: fixed("PostgreSQL server is ok"), ErrorText: fixed("PostgreSQL unknown error")}})
}

// ldapBound is a bind response (RFC 4511 section 4.2.2) of message 1, up to the
// result code; both lengths may be long ones of four bytes.
var ldapBound = regexp.MustCompile(`^30(?:[0-7].|84.{8})02010161(?:[0-7].|84.{8})0a01(..)`)

// LDAP returns the plan of option ldap-check: an anonymous simple bind.
func LDAP() *Plan {
	bound := func(data []byte, last bool) Verdict {
		if len(data) < 14 {
			return Verdict{Wait: true}
		}
		m := ldapBound.FindStringSubmatch(hex.EncodeToString(data[:min(len(data), 32)]))
		if m == nil {
			return Verdict{Status: L7RSP, Desc: "Not LDAPv3 protocol"}
		}
		if code, _ := strconv.ParseUint(m[1], 16, 8); code != 0 {
			return Verdict{Status: L7STS, Code: int(code), Desc: "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"}
		}
		return Verdict{OK: true}
	}
	return dialogue(connectRule(false), sendText("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
		Rule{Expect: &Expect{Match: MatchHexRegex, Regex: regex("^30"), MinRecv: 14, ErrorText: fixed("Not LDAPv3 protocol")}},
		Rule{Expect: &Expect{Match: MatchCustom, MinRecv: -1, Custom: bound, SuccessText: fixed("Success")}})
}

// MySQL returns the plan of option mysql-check; without a user nothing is sent.
func MySQL(user string, pre41 bool) *Plan {
	greeting := Rule{Expect: &Expect{Match: MatchCustom, MinRecv: -1, Custom: mysqlGreeting, SuccessText: mysqlVersion}}
	if user == "" {
		return dialogue(connectRule(true), greeting)
	}
	var login []byte
	if pre41 { // capabilities: long password? none but INTERACTIVE, no packet limit
		login = append(login, "\x00\x80\x00\x00\x01"+user+"\x00\x00"...)
	} else { // PROTOCOL_41, INTERACTIVE, SECURE_CONNECTION; utf8; no password
		login = append(login, "\x00\x82\x00\x00\x00\x80\x00\x01\x21"...)
		login = append(login, make([]byte, 23)...)
		login = append(login, user+"\x00\x00"...)
	}
	b := []byte{byte(len(login)), byte(len(login) >> 8), byte(len(login) >> 16), 1}
	b = append(append(b, login...), 1, 0, 0, 0, 1) // COM_QUIT
	return dialogue(connectRule(true), Rule{Send: &Send{Data: b}}, greeting,
		Rule{Expect: &Expect{Match: MatchCustom, MinRecv: -1, Custom: mysqlAnswer, SuccessText: mysqlVersion}})
}

// mysqlVersion is the version that the server's greeting names.
func mysqlVersion(data []byte) string {
	if len(data) < 6 {
		return ""
	}
	version, _, _ := bytes.Cut(data[5:min(len(data), 5+le24(data))], []byte{0})
	return string(version)
}

func mysqlGreeting(data []byte, _ bool) Verdict {
	if len(data) < 5 || le24(data) == 0 || len(data) < 4+le24(data) {
		return Verdict{Wait: true}
	}
	return mysqlError(data)
}

// mysqlAnswer judges the packet behind the greeting.
func mysqlAnswer(data []byte, _ bool) Verdict {
	next := data[4+le24(data):]
	if len(next) < 5 || len(next) < 4+le24(next) {
		return Verdict{Wait: true}
	}
	return mysqlError(next)
}

func mysqlError(packet []byte) Verdict {
	if packet[4] != 0xff {
		return Verdict{OK: true}
	}
	v := Verdict{Status: L7STS}
	if body := packet[5 : 4+le24(packet)]; len(body) >= 2 {
		v.Code = int(binary.LittleEndian.Uint16(body))
		v.Desc = line(0)(body[2:])
	}
	return v
}
