package stick

import "fmt"

// KeyType is the kind of a table's keys. The numbers are those of the peers
// protocol.
type KeyType uint8

// The kinds of keys.
const (
	KeyInteger KeyType = 2 // 32 bits
	KeyIPv4    KeyType = 4
	KeyIPv6    KeyType = 5
	KeyString  KeyType = 6 // of at most Config.KeyLen bytes
	KeyBinary  KeyType = 7 // of exactly Config.KeyLen bytes
)

// String returns the name as "show table" prints it.
func (k KeyType) String() string {
	switch k {
	case KeyInteger:
		return "integer"
	case KeyIPv4:
		return "ip"
	case KeyIPv6:
		return "ipv6"
	case KeyString:
		return "string"
	case KeyBinary:
		return "binary"
	}
	return fmt.Sprintf("key type %d", uint8(k))
}

// Data is a kind of what entries store. The numbers are the bits of the peers
// protocol.
type Data uint8

// The kinds of data.
const (
	ServerID Data = iota
	GPT0
	GPC0
	GPC0Rate
	ConnCnt
	ConnRate
	ConnCur
	SessCnt
	SessRate
	HTTPReqCnt
	HTTPReqRate
	HTTPErrCnt
	HTTPErrRate
	BytesInCnt
	BytesInRate
	BytesOutCnt
	BytesOutRate
	GPC1
	GPC1Rate
	ServerKey
	HTTPFailCnt
	HTTPFailRate
	GPT
	GPC
	GPCRate
	GlitchCnt
	GlitchRate
	DataKinds // their number
)

// Form is how a datum is held and sent.
type Form uint8

// The forms.
const (
	Sint Form = iota // 32 bits, signed
	Uint             // 32 bits
	Wide             // 64 bits
	Rate             // events in a sliding period
	Dict             // a text of few different ones
)

// kinds describes each kind of data.
var kinds = [DataKinds]struct {
	name  string
	form  Form
	array bool // elements by number: name(n), rates name(n,period)
}{
	ServerID:     {"server_id", Sint, false},
	GPT0:         {"gpt0", Uint, false},
	GPC0:         {"gpc0", Uint, false},
	GPC0Rate:     {"gpc0_rate", Rate, false},
	ConnCnt:      {"conn_cnt", Uint, false},
	ConnRate:     {"conn_rate", Rate, false},
	ConnCur:      {"conn_cur", Uint, false},
	SessCnt:      {"sess_cnt", Uint, false},
	SessRate:     {"sess_rate", Rate, false},
	HTTPReqCnt:   {"http_req_cnt", Uint, false},
	HTTPReqRate:  {"http_req_rate", Rate, false},
	HTTPErrCnt:   {"http_err_cnt", Uint, false},
	HTTPErrRate:  {"http_err_rate", Rate, false},
	BytesInCnt:   {"bytes_in_cnt", Wide, false},
	BytesInRate:  {"bytes_in_rate", Rate, false},
	BytesOutCnt:  {"bytes_out_cnt", Wide, false},
	BytesOutRate: {"bytes_out_rate", Rate, false},
	GPC1:         {"gpc1", Uint, false},
	GPC1Rate:     {"gpc1_rate", Rate, false},
	ServerKey:    {"server_key", Dict, false},
	HTTPFailCnt:  {"http_fail_cnt", Uint, false},
	HTTPFailRate: {"http_fail_rate", Rate, false},
	GPT:          {"gpt", Uint, true},
	GPC:          {"gpc", Uint, true},
	GPCRate:      {"gpc_rate", Rate, true},
	GlitchCnt:    {"glitch_cnt", Uint, false},
	GlitchRate:   {"glitch_rate", Rate, false},
}

// String returns the name as configurations write it.
func (d Data) String() string {
	if d < DataKinds {
		return kinds[d].name
	}
	return fmt.Sprintf("data type %d", uint8(d))
}

// Form returns how d is held.
func (d Data) Form() Form { return kinds[d].form }

// Array tells whether d has elements.
func (d Data) Array() bool { return kinds[d].array }

// DataByName returns a kind of data by its name in configurations.
func DataByName(name string) (Data, bool) {
	for d := range kinds {
		if kinds[d].name == name {
			return Data(d), true
		}
	}
	return 0, false
}

// MaxElements is how many elements an array may have.
const MaxElements = 100
