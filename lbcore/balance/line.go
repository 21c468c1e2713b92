package balance

// key orders nodes in a line: smaller ones first, by the first number that
// differs.
type key [3]int64

func (a key) before(b key) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// line is a heap of nodes by key that finds a node's place. All slices have
// room for every node from the start: nothing is allocated later.
type line struct {
	heap []int32 // nodes
	at   []int32 // place of each node, -1 outside
	keys []key
}

func newLine(n int) line {
	l := line{heap: make([]int32, 0, n), at: make([]int32, n), keys: make([]key, n)}
	for i := range l.at {
		l.at[i] = -1
	}
	return l
}

// first returns the first node, None in an empty line.
func (l *line) first() int {
	if len(l.heap) == 0 {
		return None
	}
	return int(l.heap[0])
}

func (l *line) has(i int) bool { return l.at[i] >= 0 }

// put places node i by key, anew when it stands there already.
func (l *line) put(i int, k key) {
	l.keys[i] = k
	if l.at[i] < 0 {
		l.at[i] = int32(len(l.heap))
		l.heap = append(l.heap, int32(i))
	}
	l.settle(int(l.at[i]))
}

// remove takes node i out; it need not be there.
func (l *line) remove(i int) {
	at := int(l.at[i])
	if at < 0 {
		return
	}
	last := len(l.heap) - 1
	l.swap(at, last)
	l.heap = l.heap[:last]
	l.at[i] = -1
	if at < last {
		l.settle(at)
	}
}

func (l *line) swap(i, j int) {
	h := l.heap
	h[i], h[j] = h[j], h[i]
	l.at[h[i]], l.at[h[j]] = int32(i), int32(j)
}

func (l *line) less(i, j int) bool { return l.keys[l.heap[i]].before(l.keys[l.heap[j]]) }

// settle moves what stands at i up or down to where it belongs.
func (l *line) settle(i int) {
	for i > 0 && l.less(i, (i-1)/2) {
		l.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		c := 2*i + 1
		if c+1 < len(l.heap) && l.less(c+1, c) {
			c++
		}
		if c >= len(l.heap) || !l.less(c, i) {
			return
		}
		l.swap(i, c)
		i = c
	}
}
