package keyword

// Validity is a set of places where a fetch may be used, one bit a place, in
// the order of the dump's columns.
type Validity uint32

// placeNames label the columns of the dump of fetches, and messages; bit i is
// column i.
var placeNames = [...]string{
	"frontend tcp-request connection rule",
	"frontend tcp-request session rule",
	"frontend tcp-request content rule",
	"frontend http-request header rule",
	"frontend http-request body rule",
	"frontend use-backend rule",
	"backend tcp-request content rule",
	"backend http-request header rule",
	"backend http-request body rule",
	"backend use-server, balance or stick-match rule",
	"server source selection",
	"backend tcp-response content rule",
	"backend http-response header rule",
	"backend http-response body rule",
	"backend stick-store rule",
	"frontend tcp-response content rule",
	"frontend http-response header rule",
	"frontend http-response body rule",
	"logs",
	"backend tcp-check rule",
	"configuration parser",
	"CLI parser",
}

// Places is the number of bits of a Validity.
const Places = len(placeNames)

// String lists the places, joined by commas.
func (v Validity) String() string {
	var b []byte
	for i, n := range placeNames {
		if v&(1<<i) != 0 {
			if b != nil {
				b = append(b, ',')
			}
			b = append(b, n...)
		}
	}
	return string(b)
}

// First returns the name of the first place of the set.
func (v Validity) First() string {
	for i, n := range placeNames {
		if v&(1<<i) != 0 {
			return n
		}
	}
	return "?"
}
