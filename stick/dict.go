package stick

import "sync"

// dict numbers the few texts that entries of a table name, servers' keys. A number
// stays its text's for good; 0 is none.
type dict struct {
	mu    sync.RWMutex
	ids   map[string]uint32
	texts []string
}

// maxTexts bounds what peers can make a table remember.
const maxTexts = 1 << 16

// id returns a text's number, 0 for no text and where there are too many.
func (d *dict) id(text string) uint32 {
	if text == "" {
		return 0
	}
	d.mu.RLock()
	id := d.ids[text]
	d.mu.RUnlock()
	if id != 0 {
		return id
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if id = d.ids[text]; id != 0 {
		return id
	}
	if len(d.texts) >= maxTexts {
		return 0
	}
	if d.ids == nil {
		d.ids = map[string]uint32{}
	}
	d.texts = append(d.texts, text)
	id = uint32(len(d.texts))
	d.ids[text] = id
	return id
}

func (d *dict) text(id uint32) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if id == 0 || int(id) > len(d.texts) {
		return ""
	}
	return d.texts[id-1]
}
