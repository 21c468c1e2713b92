package message

import "strconv"

// Page is one of the built-in error pages (errorfile replaces them).
type Page struct {
	Status int
	Reason string
	Body   string
	// Close: the page asks for the end of the client connection whatever the client
	// wants (reference: 400 and 408).
	Close  bool
	raw    string
	text   []byte
	length []byte
}

var pages = [...]Page{
	{Status: 200, Reason: "OK", Body: "<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n"},
	{Status: 400, Reason: "Bad request", Body: "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n", Close: true},
	{Status: 401, Reason: "Unauthorized", Body: "<html><body><h1>401 Unauthorized</h1>\nYou need a valid user and password to access this content.\n</body></html>\n"},
	{Status: 403, Reason: "Forbidden", Body: "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"},
	{Status: 404, Reason: "Not Found", Body: "<html><body><h1>404 Not Found</h1>\nThe resource could not be found.\n</body></html>\n"},
	{Status: 405, Reason: "Method Not Allowed", Body: "<html><body><h1>405 Method Not Allowed</h1>\nA request was made of a resource using a request method not supported by that resource.\n</body></html>\n"},
	{Status: 407, Reason: "Unauthorized", Body: "<html><body><h1>407 Unauthorized</h1>\nYou need a valid user and password to access this content.\n</body></html>\n"},
	{Status: 408, Reason: "Request Time-out", Body: "<html><body><h1>408 Request Time-out</h1>\nYour browser didn't send a complete request in time.\n</body></html>\n", Close: true},
	{Status: 410, Reason: "Gone", Body: "<html><body><h1>410 Gone</h1>\nThe resource is no longer available and will not be available again.\n</body></html>\n"},
	{Status: 413, Reason: "Payload Too Large", Body: "<html><body><h1>413 Payload Too Large</h1>\nThe request entity exceeds the maximum allowed.\n</body></html>\n"},
	{Status: 414, Reason: "URI Too Long", Body: "<html><body><h1>414 URI Too Long</h1>\nThe URI provided was too long for the server to process.\n</body></html>\n"},
	{Status: 421, Reason: "Misdirected Request", Body: "<html><body><h1>421 Misdirected Request</h1>\nRequest sent to a non-authoritative server.\n</body></html>\n"},
	{Status: 422, Reason: "Unprocessable Content", Body: "<html><body><h1>422 Unprocessable Content</h1>\nThe server cannot process the contained instructions.\n</body></html>\n"},
	{Status: 425, Reason: "Too Early", Body: "<html><body><h1>425 Too Early</h1>\nYour browser sent early data.\n</body></html>\n"},
	{Status: 429, Reason: "Too Many Requests", Body: "<html><body><h1>429 Too Many Requests</h1>\nYou have sent too many requests in a given amount of time.\n</body></html>\n"},
	{Status: 431, Reason: "Request Header Fields Too Large", Body: "<html><body><h1>431 Request Header Fields Too Large</h1>\nRequest Header Fields Too Large.\n</body></html>\n"},
	{Status: 500, Reason: "Internal Server Error", Body: "<html><body><h1>500 Internal Server Error</h1>\nAn internal server error occurred.\n</body></html>\n"},
	{Status: 501, Reason: "Not Implemented", Body: "<html><body><h1>501 Not Implemented</h1>\nThe server does not support the functionality required to fulfill the request.\n</body></html>\n"},
	{Status: 502, Reason: "Bad Gateway", Body: "<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.\n</body></html>\n"},
	{Status: 503, Reason: "Service Unavailable", Body: "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"},
	{Status: 504, Reason: "Gateway Time-out", Body: "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n</body></html>\n"},
}

// pageIndex maps a status to its place in pages, plus 1.
var pageIndex = func() (t [600]uint8) {
	for i := range pages {
		p := &pages[i]
		t[p.Status] = uint8(i + 1)
		p.length = strconv.AppendInt(nil, int64(len(p.Body)), 10)
		p.raw = p.rawText()
		p.text = []byte(p.Body)
	}
	return t
}()

// rawText is the page as the parser sends it: other names and order than at
// stream level, and the connection field only in the pages that close.
func (p *Page) rawText() string {
	s := "HTTP/1.1 " + strconv.Itoa(p.Status) + " " + p.Reason +
		"\r\nContent-length: " + string(p.length) + "\r\nCache-Control: no-cache\r\n"
	if p.Close {
		s += "Connection: close\r\n"
	}
	return s + "Content-Type: text/html\r\n\r\n" + p.Body
}

// ErrorPage returns the built-in page of a status, nil if there is none. The
// page is shared and must not be written to.
func ErrorPage(status int) *Page {
	if status < 0 || status >= len(pageIndex) || pageIndex[status] == 0 {
		return nil
	}
	return &pages[pageIndex[status]-1]
}

// Raw returns the page as sent for errors found while a request is parsed, head
// and body.
func (p *Page) Raw() string { return p.raw }

var (
	noCache  = []byte("no-cache")
	textHTML = []byte("text/html")
)

// Text returns the page's body.
func (p *Page) Text() []byte { return p.text }

// Head fills h with the page's head as sent at stream level; the body is Body.
// The memory is static.
func (p *Page) Head(h *Head) {
	h.Reset()
	h.Response = true
	h.Major, h.Minor = 1, 1
	h.Status, h.Reason = p.Status, reasonBytes[pageIndex[p.Status]-1]
	h.Flags |= HasLength
	h.BodyLen = int64(len(p.Body))
	h.AddID(IDContentLength, p.length)
	h.AddID(IDCacheControl, noCache)
	h.AddID(IDContentType, textHTML)
}

var reasonBytes = func() (t [len(pages)][]byte) {
	for i := range pages {
		t[i] = []byte(pages[i].Reason)
	}
	return t
}()

// StatusText returns status and reason as the reference words its own answers,
// such as "400 Bad request".
func StatusText(status int) string {
	reason := string(Reason(status))
	if p := ErrorPage(status); p != nil {
		reason = p.Reason
	}
	return strconv.Itoa(status) + " " + reason
}
