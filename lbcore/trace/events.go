package trace

// word is a name with what it means.
type word struct{ name, desc string }

// kind is what does not change about a source.
type kind struct {
	word
	events      []word
	criteria    []Criterion
	own         word // the criterion Own
	verbosities []word
}

// Events of the source ssl.
const (
	SSLNew Mask = 1 << iota
	SSLErr
	SSLHandshake
)

// Events of the source h1.
const (
	H1New Mask = 1 << iota
	H1Recv
	H1Send
	H1End
	H1Err
	H1RxData
	H1RxEnd
	H1RxHead
	H1TxData
	H1TxEnd
	H1TxHead
	H1StreamNew
	H1StreamEnd
)

// Events of the source stream.
const (
	StreamNew Mask = 1 << iota
	StreamFree
	StreamErr
	StreamServer
	StreamHTTP
)

// Events of the source check.
const (
	CheckStart Mask = 1 << iota
	CheckEnd
	CheckSuccess
	CheckFailure
)

// Events of the source pt.
const (
	PassNew Mask = 1 << iota
	PassEnd
	PassRx
	PassTx
)

// Events of the source session.
const (
	SessionNew Mask = 1 << iota
	SessionEnd
	SessionErr
)

var muxCriteria = []Criterion{Backend, Connection, Frontend, Listener, Nothing, Server, Session, Thread}

// kinds are in the order of Set.sources: the reference's order, its names, of the
// events those that there are here.
var kinds = []kind{
	{word: word{"ssl", "SSL xprt"}, criteria: muxCriteria,
		events: []word{
			{"sslc_new", "new SSL connection"},
			{"sslc_err", "SSL error"},
			{"sslc_hndshk", "SSL handshake"},
		},
		verbosities: []word{
			{"clean", "only user-friendly stuff, generally suitable for level \"user\""},
			{"minimal", "add the addresses and the proxies"},
			{"simple", "add error messages"},
			{"advanced", "add handshake-related details"},
			{"complete", "the same"},
		}},
	{word: word{"h1", "HTTP/1 multiplexer"}, criteria: append(muxCriteria[:len(muxCriteria):len(muxCriteria)], Own), own: word{"h1s", "H1 stream"},
		events: []word{
			{"h1c_new", "new H1 connection"},
			{"h1c_recv", "Rx on H1 connection"},
			{"h1c_send", "Tx on H1 connection"},
			{"h1c_end", "H1 connection terminated"},
			{"h1c_err", "error on H1 connection"},
			{"rx_data", "receipt of any H1 data"},
			{"rx_eoi", "receipt of end of H1 input"},
			{"rx_headers", "receipt of H1 headers"},
			{"tx_data", "transmission of any H1 data"},
			{"tx_eoi", "transmission of end of H1 input"},
			{"tx_headers", "transmission of all headers"},
			{"h1s_new", "new H1 stream"},
			{"h1s_end", "H1 stream terminated"},
		},
		verbosities: []word{
			{"clean", "only user-friendly stuff, generally suitable for level \"user\""},
			{"minimal", "add the addresses and the proxies"},
			{"simple", "add request/response status line when available"},
			{"advanced", "add header fields when available"},
			{"complete", "add full data dump when available"},
		}},
	{word: word{"stream", "Applicative stream"}, criteria: []Criterion{Backend, Frontend, Listener, Nothing, Server, Session, Own, Thread}, own: word{"stream", "lock on the stream that started the trace"},
		events: []word{
			{"strm_new", "new stream"},
			{"strm_free", "release stream"},
			{"strm_err", "error during stream processing"},
			{"sc_state", "processing connector states"},
			{"http_ana", "HTTP analyzers"},
		},
		verbosities: []word{
			{"clean", "only user-friendly stuff, generally suitable for level \"user\""},
			{"minimal", "add the addresses and the proxies"},
			{"simple", "add the request line and the status"},
			{"advanced", "add times and bytes"},
			{"complete", "the same"},
		}},
	{word: word{"check", "Health-check"}, criteria: []Criterion{Backend, Own, Nothing, Server}, own: word{"check", "lock on the check that started the trace"},
		events: []word{
			{"hchck_start", "Health-check started"},
			{"hchck_end", "Health-check terminated"},
			{"hchck_succ", "Health-check success"},
			{"hchck_err", "Health-check failure"},
		},
		verbosities: []word{
			{"clean", "only user-friendly stuff, generally suitable for level \"user\""},
			{"minimal", "add the result"},
			{"simple", "the same"},
			{"advanced", "the same"},
			{"complete", "the same"},
		}},
	{word: word{"pt", "Passthrough multiplexer"}, criteria: muxCriteria,
		events: []word{
			{"pt_conn_new", "new PT connection"},
			{"pt_conn_end", "PT connection terminated"},
			{"pt_rx_data", "Rx on PT connection"},
			{"pt_tx_data", "Tx on PT connection"},
		},
		verbosities: []word{
			{"clean", "only user-friendly stuff, generally suitable for level \"user\""},
			{"minimal", "add the addresses and the proxies"},
			{"simple", "the same"},
			{"advanced", "the same"},
			{"complete", "add full data dump when available"},
		}},
	{word: word{"session", "client session management"}, criteria: []Criterion{Frontend, Listener, Nothing, Session, Thread},
		events: []word{
			{"sess_new", "new session creation"},
			{"sess_end", "session termination"},
			{"sess_err", "session error"},
		},
		verbosities: []word{{"default", "report extra information when available"}}},
}

// all is the set of all events.
func (k *kind) all() Mask { return 1<<len(k.events) - 1 }

// event returns the event of a name, zero for none of these.
func (k *kind) event(name string) Mask {
	for i := range k.events {
		if k.events[i].name == name {
			return 1 << i
		}
	}
	return 0
}

// first is the name of the first event of a set.
func (k *kind) first(m Mask) string {
	for i := range k.events {
		if m&(1<<i) != 0 {
			return k.events[i].name
		}
	}
	return ""
}

// criterion returns the name and the meaning of a criterion.
func (k *kind) criterion(c Criterion) word {
	switch c {
	case Nothing:
		return word{"nothing", "do not lock on anything"}
	case Own:
		return k.own
	}
	name := [...]string{Backend: "backend", Connection: "connection", Frontend: "frontend", Listener: "listener", Server: "server", Session: "session", Thread: "thread"}[c]
	return word{name, "lock on the " + name + " that started the trace"}
}
