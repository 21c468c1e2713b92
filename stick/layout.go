package stick

import "fmt"

// Stored says that entries have a kind of data.
type Stored struct {
	Data   Data
	N      int    // elements of an array, 1 for others
	Period uint32 // of a rate, ms
}

// Config is what a line of a configuration says of a table.
type Config struct {
	Name    string
	Key     KeyType
	KeyLen  int    // bytes: of strings the most, 31 without a word; of binary keys 32; set by New for others
	Size    int    // entries
	Expire  uint32 // ms, 0: entries do not expire
	NoPurge bool   // a full table refuses new keys
	Store   []Stored
	// BytesFactor divides what is counted in byte rates; 0 is 1.
	BytesFactor uint32
	// Peers tells that changes are logged, for sessions with peers.
	Peers bool
	// Fleet tells that the others' share of each counter is kept beside the own one
	// (see Fleet); Peers is set as well.
	Fleet bool
}

// The words of an entry, 32 bits each. Key and data follow; what is 64 bits wide
// stands on an even word.
const (
	wRef    = iota // who holds it; heldDead once it was removed meanwhile
	wExpire        // ms, at which it is over
	wChain         // the next one of its bucket, or of the free ones
	wPrev          // of its slot of the wheel
	wNext
	wHash   // of the key
	wSorted // what wExpire was when the wheel sorted it
	wSeq    // of its last change in the log
	wHeader // how many there are
)

// layout is where the words of a table's entries are.
type layout struct {
	key     int // the first word of the key; before a string stands its length
	keyLen  int // bytes
	text    bool
	at      [DataKinds]int16 // the first word of a kind of data, 0: not stored
	n       [DataKinds]uint8
	period  [DataKinds]uint32
	stride  int // words of an entry, even
	dataEnd int

	// Of fleet tables, 0 in others.
	chain   int              // the word that leads to what contributes to an entry
	others  [DataKinds]int16 // the first word of what others counted
	learned [DataKinds]int16 // of values with a last writer: the one last stored by the fleet
}

// rateWords are the words of a rate: when its period began, how many in it, how
// many in the one before.
const rateWords = 3

func newLayout(c *Config) (l layout, err error) {
	switch c.Key {
	case KeyInteger, KeyIPv4:
		c.KeyLen = 4
	case KeyIPv6:
		c.KeyLen = 16
	case KeyString:
		if c.KeyLen <= 0 { // reference: 32 with the zero behind it
			c.KeyLen = 31
		}
	case KeyBinary:
		if c.KeyLen <= 0 {
			c.KeyLen = 32
		}
	default:
		return l, fmt.Errorf("table %s: %v", c.Name, c.Key)
	}
	l.key, l.keyLen, l.text = wHeader, c.KeyLen, c.Key == KeyString
	at := l.key + (c.KeyLen+3)/4
	if l.text {
		at++
	}
	for _, s := range c.Store {
		if s.Data >= DataKinds || l.at[s.Data] != 0 {
			return l, fmt.Errorf("table %s: %v is stored twice or unknown", c.Name, s.Data)
		}
		n, words := 1, 1
		switch s.Data.Form() {
		case Wide:
			words = 2
			at += at & 1
		case Rate:
			words = rateWords
			if s.Period == 0 {
				return l, fmt.Errorf("table %s: %v has no period", c.Name, s.Data)
			}
		}
		if s.Data.Array() {
			if n = s.N; n < 1 || n > MaxElements {
				return l, fmt.Errorf("table %s: %v has %d elements", c.Name, s.Data, n)
			}
		}
		l.at[s.Data], l.n[s.Data], l.period[s.Data] = int16(at), uint8(n), s.Period
		at += n * words
	}
	l.dataEnd = at
	if c.Fleet {
		at = l.addFleet(c, at)
	}
	l.stride = at + at&1
	return l, nil
}
