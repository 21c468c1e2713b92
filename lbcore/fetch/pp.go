package fetch

import (
	"strconv"
	"strings"

	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
)

// ppText fetches one TLV of the client's PROXY header.
func ppText(kind byte) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool { return keepTLV(c, s, kind) }
}

func keepTLV(c *sample.Context, s *sample.Sample, kind byte) bool {
	ss := session(c)
	if ss == nil {
		return false
	}
	v, ok := ss.TLV(kind)
	if ok {
		s.SetStr(v)
	}
	return ok
}

// tlvNames are those that fc_pp_tlv takes beside numbers.
var tlvNames = map[string]byte{"ALPN": transport.TLVAlpn, "AUTHORITY": transport.TLVAuthority, "CRC32C": transport.TLVCRC,
	"NOOP": transport.TLVNoop, "UNIQUE_ID": transport.TLVUniqueID, "SSL": transport.TLVSSL, "NETNS": 0x30}

func checkTLV(args []sample.Arg, _ *sample.Options) error {
	if _, ok := tlvNames[strings.ToUpper(args[0].Str)]; ok {
		return nil
	}
	if n, err := strconv.ParseUint(args[0].Str, 0, 64); err != nil || n > 255 {
		return badArgument("Invalid TLV Type Id")
	}
	return nil
}

func fetchTLV(c *sample.Context, a []sample.Arg, s *sample.Sample) bool {
	kind, ok := tlvNames[strings.ToUpper(a[0].Str)]
	if !ok {
		n, _ := strconv.ParseUint(a[0].Str, 0, 8) // checked
		kind = byte(n)
	}
	return keepTLV(c, s, kind)
}
