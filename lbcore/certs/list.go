package certs

import (
	"os"
	"slices"
)

// List is a crt-list, or a folder of certificates, with what it holds now.
type List struct {
	Path string

	// under the store's lock
	lines  []*ListLine
	fronts []*Front
	last   int // the number of its last line
}

// ListLine is one certificate of a List; read-only.
type ListLine struct {
	Line
	own  Settings
	slot *Slot
	list *List
}

// List returns a crt-list or folder of the configuration by the name that it is shown
// under; fresh tells that nobody named it before and that its lines are still to be
// entered.
func (s *Store) List(path string, last int) (l *List, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path = listName(path)
	if l = s.lists[path]; l != nil {
		return l, false
	}
	l = &List{Path: path, last: last}
	s.lists[path] = l
	return l, true
}

// Folder returns the list that a folder stands for; nil where name is none.
func (s *Store) Folder(name string) (*List, error) {
	path := under(s.CrtBase, name)
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, nil
	}
	l, fresh := s.List(path, 0)
	if !fresh {
		return l, nil
	}
	slots, err := s.findAll(path)
	for _, slot := range slots {
		l.Enter(Line{}, Settings{}, slot)
	}
	return l, err
}

// listName is how a list is known: without the slashes at its end.
func listName(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
}

// Enter adds a line for a certificate, while the configuration is read.
func (l *List) Enter(line Line, own Settings, slot *Slot) {
	line.Name = slot.Path
	l.lines = append(l.lines, &ListLine{line, own, slot, l})
}

// Lines returns the lines, while the configuration is read.
func (l *List) Lines() []*ListLine { return l.lines }

// join has a front follow what becomes of the list.
func (l *List) join(f *Front) {
	if !slices.Contains(l.fronts, f) {
		l.fronts = append(l.fronts, f)
	}
}
