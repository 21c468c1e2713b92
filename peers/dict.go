package peers

// dictSlots is how many texts a direction of a session remembers, numbered from 1.
const dictSlots = 128

// longestText bounds a server's key, bytes: what is longer is taken as none.
const longestText = 1024

// sentTexts are the texts that the other side remembers.
type sentTexts struct {
	slots [dictSlots]string
	ids   map[string]int
	next  int
}

// append appends a text: its slot alone when the other side has it, else the slot
// whose turn it is, with the text.
func (d *sentTexts) append(dst []byte, text string) []byte {
	if text == "" || len(text) > longestText {
		return append(dst, 0)
	}
	if id := d.ids[text]; id != 0 {
		return append(dst, 1, byte(id))
	}
	if d.ids == nil {
		d.ids = make(map[string]int, dictSlots)
	}
	delete(d.ids, d.slots[d.next])
	d.slots[d.next] = text
	id := d.next + 1
	d.ids[text] = id
	d.next = id % dictSlots
	size := 1 + len(text) + 1
	if len(text) >= 240 {
		size = 1 + len(text) + len(appendVarint(nil, uint64(len(text))))
	}
	dst = appendVarint(dst, uint64(size))
	dst = append(dst, byte(id))
	dst = appendVarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// gotTexts are the texts that the other side sent.
type gotTexts [dictSlots]string

// read takes a text from a payload.
func (d *gotTexts) read(r *Reader) string {
	n := r.Number()
	if n == 0 {
		return ""
	}
	in := Reader{B: r.Bytes(n)}
	id := in.Number()
	if r.Bad || in.Bad || id < 1 || id > dictSlots {
		r.Bad = true
		return ""
	}
	if len(in.B) > 0 {
		text := in.Bytes(in.Number())
		if in.Bad {
			r.Bad = true
			return ""
		}
		if len(text) > longestText {
			text = nil
		}
		if d[id-1] != string(text) {
			d[id-1] = string(text)
		}
	}
	return d[id-1]
}
