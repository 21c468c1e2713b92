package message

// ID is a well-known header name.
type ID uint8

// The well-known header names. Their order has no meaning.
const (
	IDOther ID = iota
	IDTE
	IDAge
	IDVia
	IDHost
	IDDate
	IDETag
	IDVary
	IDFrom
	IDAccept
	IDCookie
	IDExpect
	IDOrigin
	IDServer
	IDPragma
	IDAllow
	IDRange
	IDReferer
	IDTrailer
	IDUpgrade
	IDExpires
	IDLocation
	IDForwarded
	IDSetCookie
	IDConnection
	IDKeepAlive
	IDUserAgent
	IDXRealIP
	IDContentType
	IDCacheControl
	IDLastModified
	IDContentLength
	IDContentRange
	IDAuthorization
	IDAcceptEncoding
	IDAcceptLanguage
	IDXForwardedFor
	IDXOriginalTo
	IDXForwardedProto
	IDContentEncoding
	IDProxyConnection
	IDWWWAuthenticate
	IDProxyAuthenticate
	IDProxyAuthorization
	IDTransferEncoding
	IDIfNoneMatch
	IDIfModifiedSince
	IDAcceptRanges
	IDSecWebSocketKey
	IDSecWebSocketAccept
	IDStrictTransportSecurity
	idCount
)

var idNames = [idCount][]byte{
	IDTE:                      []byte("te"),
	IDAge:                     []byte("age"),
	IDVia:                     []byte("via"),
	IDHost:                    []byte("host"),
	IDDate:                    []byte("date"),
	IDETag:                    []byte("etag"),
	IDVary:                    []byte("vary"),
	IDFrom:                    []byte("from"),
	IDAccept:                  []byte("accept"),
	IDCookie:                  []byte("cookie"),
	IDExpect:                  []byte("expect"),
	IDOrigin:                  []byte("origin"),
	IDServer:                  []byte("server"),
	IDPragma:                  []byte("pragma"),
	IDAllow:                   []byte("allow"),
	IDRange:                   []byte("range"),
	IDReferer:                 []byte("referer"),
	IDTrailer:                 []byte("trailer"),
	IDUpgrade:                 []byte("upgrade"),
	IDExpires:                 []byte("expires"),
	IDLocation:                []byte("location"),
	IDForwarded:               []byte("forwarded"),
	IDSetCookie:               []byte("set-cookie"),
	IDConnection:              []byte("connection"),
	IDKeepAlive:               []byte("keep-alive"),
	IDUserAgent:               []byte("user-agent"),
	IDXRealIP:                 []byte("x-real-ip"),
	IDContentType:             []byte("content-type"),
	IDCacheControl:            []byte("cache-control"),
	IDLastModified:            []byte("last-modified"),
	IDContentLength:           []byte("content-length"),
	IDContentRange:            []byte("content-range"),
	IDAuthorization:           []byte("authorization"),
	IDAcceptEncoding:          []byte("accept-encoding"),
	IDAcceptLanguage:          []byte("accept-language"),
	IDXForwardedFor:           []byte("x-forwarded-for"),
	IDXOriginalTo:             []byte("x-original-to"),
	IDXForwardedProto:         []byte("x-forwarded-proto"),
	IDContentEncoding:         []byte("content-encoding"),
	IDProxyConnection:         []byte("proxy-connection"),
	IDWWWAuthenticate:         []byte("www-authenticate"),
	IDProxyAuthenticate:       []byte("proxy-authenticate"),
	IDProxyAuthorization:      []byte("proxy-authorization"),
	IDTransferEncoding:        []byte("transfer-encoding"),
	IDIfNoneMatch:             []byte("if-none-match"),
	IDIfModifiedSince:         []byte("if-modified-since"),
	IDAcceptRanges:            []byte("accept-ranges"),
	IDSecWebSocketKey:         []byte("sec-websocket-key"),
	IDSecWebSocketAccept:      []byte("sec-websocket-accept"),
	IDStrictTransportSecurity: []byte("strict-transport-security"),
}

// Name returns the lower-case name, nil for IDOther. The caller must not write
// to it.
func (id ID) Name() []byte {
	if id >= idCount {
		return nil
	}
	return idNames[id]
}

// Identify returns the ID of a lower-case name.
func Identify(lowerName []byte) ID {
	switch len(lowerName) {
	case 2:
		switch string(lowerName) {
		case "te":
			return IDTE
		}
	case 3:
		switch string(lowerName) {
		case "age":
			return IDAge
		case "via":
			return IDVia
		}
	case 4:
		switch string(lowerName) {
		case "host":
			return IDHost
		case "date":
			return IDDate
		case "etag":
			return IDETag
		case "vary":
			return IDVary
		case "from":
			return IDFrom
		}
	case 5:
		switch string(lowerName) {
		case "allow":
			return IDAllow
		case "range":
			return IDRange
		}
	case 6:
		switch string(lowerName) {
		case "accept":
			return IDAccept
		case "cookie":
			return IDCookie
		case "expect":
			return IDExpect
		case "origin":
			return IDOrigin
		case "server":
			return IDServer
		case "pragma":
			return IDPragma
		}
	case 7:
		switch string(lowerName) {
		case "referer":
			return IDReferer
		case "trailer":
			return IDTrailer
		case "upgrade":
			return IDUpgrade
		case "expires":
			return IDExpires
		}
	case 8:
		switch string(lowerName) {
		case "location":
			return IDLocation
		}
	case 9:
		switch string(lowerName) {
		case "forwarded":
			return IDForwarded
		case "x-real-ip":
			return IDXRealIP
		}
	case 10:
		switch string(lowerName) {
		case "set-cookie":
			return IDSetCookie
		case "connection":
			return IDConnection
		case "keep-alive":
			return IDKeepAlive
		case "user-agent":
			return IDUserAgent
		}
	case 12:
		switch string(lowerName) {
		case "content-type":
			return IDContentType
		}
	case 13:
		switch string(lowerName) {
		case "cache-control":
			return IDCacheControl
		case "last-modified":
			return IDLastModified
		case "content-range":
			return IDContentRange
		case "authorization":
			return IDAuthorization
		case "x-original-to":
			return IDXOriginalTo
		case "if-none-match":
			return IDIfNoneMatch
		case "accept-ranges":
			return IDAcceptRanges
		}
	case 14:
		switch string(lowerName) {
		case "content-length":
			return IDContentLength
		}
	case 15:
		switch string(lowerName) {
		case "accept-encoding":
			return IDAcceptEncoding
		case "accept-language":
			return IDAcceptLanguage
		case "x-forwarded-for":
			return IDXForwardedFor
		}
	case 16:
		switch string(lowerName) {
		case "content-encoding":
			return IDContentEncoding
		case "proxy-connection":
			return IDProxyConnection
		case "www-authenticate":
			return IDWWWAuthenticate
		}
	case 17:
		switch string(lowerName) {
		case "x-forwarded-proto":
			return IDXForwardedProto
		case "transfer-encoding":
			return IDTransferEncoding
		case "if-modified-since":
			return IDIfModifiedSince
		case "sec-websocket-key":
			return IDSecWebSocketKey
		}
	case 18:
		switch string(lowerName) {
		case "proxy-authenticate":
			return IDProxyAuthenticate
		}
	case 19:
		switch string(lowerName) {
		case "proxy-authorization":
			return IDProxyAuthorization
		}
	case 20:
		switch string(lowerName) {
		case "sec-websocket-accept":
			return IDSecWebSocketAccept
		}
	case 25:
		switch string(lowerName) {
		case "strict-transport-security":
			return IDStrictTransportSecurity
		}
	}
	return IDOther
}
