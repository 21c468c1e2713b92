//lint:file-ignore ST1005 the reference's messages are printed as they are

package certs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// List is a crt-list, or a folder of certificates, with what it holds now.
type List struct {
	Path string

	// under the store's lock
	lines  []*ListLine
	fronts []*Front
	last   int // the number of its last line
	folder bool
}

// ListLine is one certificate of a List; read-only.
type ListLine struct {
	Line
	own  Settings
	slot *Slot
	list *List
}

// List returns a crt-list of the configuration. Its file is read where nobody named it
// before: lines are then those that are still to be entered.
func (s *Store) List(path string) (l *List, lines []Line, err error) {
	if l = s.list(path); l != nil {
		return l, nil, nil
	}
	lines, last, err := ReadList(path)
	if err != nil {
		return nil, nil, err
	}
	return s.addList(&List{Path: listName(path), last: last}), lines, nil
}

// list returns a crt-list or folder by its name, nil for none.
func (s *Store) list(path string) *List {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists[listName(path)]
}

func (s *Store) addList(l *List) *List {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[l.Path] = l
	return l
}

// Folder returns the list that a folder stands for; nil where name is none.
func (s *Store) Folder(name string) (*List, error) {
	path := under(s.CrtBase, name)
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, nil
	}
	if l := s.list(path); l != nil {
		return l, nil
	}
	l := s.addList(&List{Path: listName(path), folder: true})
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

// Listing is the names of all crt-lists and folders, a line each; any goroutine but a
// loop's, as all below.
func (s *Store) Listing() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(s.lists)) {
		b.WriteString(path + "\n")
	}
	return b.String()
}

// DescribeList is a list as a file would have it; numbered puts the number of its line
// behind each certificate. It is "" where there is no such list.
func (s *Store) DescribeList(path string, numbered bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[listName(path)]
	if l == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("# " + l.Path + "\n")
	for _, line := range l.lines {
		b.WriteString(line.Name)
		if numbered {
			fmt.Fprintf(&b, ":%d", line.Number)
		}
		if o := line.own.listed(); o != "" {
			b.WriteString(" [" + o + "]")
		}
		for _, f := range line.Filters {
			b.WriteString(" " + f)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// listed writes settings as show ssl crt-list does.
func (s *Settings) listed() string {
	var b strings.Builder
	add := func(word, arg string, said bool) {
		if !said {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		if arg != "" {
			b.WriteString(" " + arg)
		}
	}
	switch {
	case s.NoALPN:
		b.WriteString("no-alpn")
	case s.ALPN != nil:
		b.WriteString("alpn " + strings.Join(s.ALPN, ","))
	}
	add("verify", [...]string{"", "none", "optional", "required"}[s.Verify], s.Verify != VerifyUnset)
	add("no-ca-names", "", s.NoCANames)
	add("ca-file", s.CAFile, s.CAFile != "")
	add("crl-file", s.CRLFile, s.CRLFile != "")
	add("ciphers", s.Ciphers, s.Ciphers != "")
	add("ciphersuites", s.Suites, s.Suites != "")
	add("curves", s.Curves, s.Curves != "")
	add("ecdhe", s.ECDHE, s.ECDHE != "")
	add("client-sigalgs", s.ClientSigAlgs, s.ClientSigAlgs != "")
	add("sigalgs", s.SigAlgs, s.SigAlgs != "")
	for _, v := range []struct {
		word    string
		version uint16
	}{{"ssl-min-ver", s.Versions.Min}, {"ssl-max-ver", s.Versions.Max}} {
		if v.version != 0 {
			add(v.word, ConfigVersion(v.version), true)
		}
	}
	return b.String()
}

// ReadAdded reads the one line that a command adds to a crt-list.
func (s *Store) ReadAdded(text string) (*Line, error) {
	text = strings.TrimRight(text, "\r\n")
	if text == "" || strings.ContainsRune(text, '\n') {
		return nil, errors.New("only one line of payload is supported!")
	}
	l := &Line{Number: 1}
	err := l.split(strings.Trim(text, " \t"), func(format string, args ...any) error {
		return fmt.Errorf("parsing [CLI:1]: %s", fmt.Sprintf(format, args...))
	})
	return l, err
}

// HasList tells whether there is a crt-list or folder of that name, and gives its own.
func (s *Store) HasList(path string) (name string, ok bool) {
	l := s.list(path)
	if l == nil {
		return path, false
	}
	return l.Path, true
}

// AddLine puts a line into a list, for all bind lines that use it. It reports the
// certificate's path and how many bind lines took it; begun tells that an error is
// about one of those and not about the line.
func (s *Store) AddLine(list string, l *Line) (path string, used int, begun bool, err error) {
	own, files, err := s.ReadLine(l)
	if err != nil {
		return "", 0, false, err
	}
	if err := s.Like(l.Name, files); err != nil {
		return "", 0, false, fmt.Errorf("'%s' is already instantiated with incompatible parameters:\n%w", l.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.lists[listName(list)]
	if to == nil {
		return "", 0, false, fmt.Errorf("crt-list '%s' does not exist!", list)
	}
	path = under(s.CrtBase, l.Name)
	slot := s.slots[path]
	switch {
	case slot == nil:
		return path, 0, false, fmt.Errorf("certificate '%s' does not exist!", l.Name)
	case slot.Cert() == nil:
		return path, 0, false, fmt.Errorf("certificate '%s' is empty!", l.Name)
	case to.folder && slices.ContainsFunc(to.lines, func(o *ListLine) bool { return o.Name == path }):
		return path, 0, false, errors.New("file already exists in this directory!")
	case to.folder && len(l.Options)+len(l.Filters) > 0:
		return path, 0, false, errors.New("this is a directory, SSL configuration, crt-store keywords and filters are not allowed")
	}
	line := &ListLine{*l, own, slot, to}
	line.Name, line.Number = path, to.last+1
	type addition struct {
		front *Front
		entry *Entry
	}
	var all []addition
	for _, f := range to.fronts {
		e, err := f.entry(slot, own, l.Filters, false)
		if err != nil {
			return path, len(all), true, fmt.Errorf("Proxy '%s': %w for bind '%s' at [%s].", f.Proxy, err, f.Address, f.Place)
		}
		e.line = line
		all = append(all, addition{f, e})
	}
	for _, a := range all {
		a.front.publish(append(slices.Clip(a.front.entries), a.entry), a.front.plain)
	}
	to.last++
	to.lines = append(to.lines, line)
	return path, len(all), true, nil
}

// DelLine takes a certificate out of a list; which is its name, with the number of its
// line behind a colon where there are several.
func (s *Store) DelLine(list, which string) (name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.lists[listName(list)]
	if from == nil {
		return "", fmt.Errorf("crt-list '%s' does not exist!", list)
	}
	name, number := which, 0
	if i := strings.LastIndexByte(which, ':'); i >= 0 {
		if number, err = strconv.Atoi(which[i+1:]); err != nil || number <= 0 {
			return "", fmt.Errorf("wrong line number after colons in '%s'!", which)
		}
		name = which[:i]
	}
	if s.slots[name] == nil {
		return "", fmt.Errorf("certificate '%s' does not exist!", name)
	}
	var found *ListLine
	var numbers []string
	for _, l := range from.lines {
		if l.Name == name {
			numbers = append(numbers, strconv.Itoa(l.Number))
			if number == 0 || l.Number == number {
				found = l
			}
		}
	}
	switch {
	case numbers == nil:
		return "", fmt.Errorf("certificate '%s' can't be found in crt-list '%s'!", name, list)
	case number == 0 && len(numbers) > 1:
		return "", fmt.Errorf("found the certificate '%s' in several entries, please specify a line number preceded by colons (%s)!", name, strings.Join(numbers, ", "))
	case found == nil:
		return "", fmt.Errorf("found a certificate '%s' but the line number is incorrect, please specify a correct line number preceded by colons (%s)!", name, strings.Join(numbers, ", "))
	}
	return name, from.drop(found)
}

// drop takes a line out. Reference: not where names that nobody has are answered by it.
func (l *List) drop(line *ListLine) error {
	of := func(e *Entry) bool { return e.line == line }
	var places []string
	for _, f := range l.fronts {
		if slices.ContainsFunc(f.entries, func(e *Entry) bool { return of(e) && e.first }) {
			places = append(places, "\n\t- "+f.Place)
		}
	}
	if places != nil {
		return fmt.Errorf("certificate '%s' cannot be deleted, it is used as default certificate by the following frontends:%s", line.Name, strings.Join(places, ""))
	}
	for _, f := range l.fronts {
		f.publish(slices.DeleteFunc(slices.Clone(f.entries), of), f.plain)
	}
	l.lines = slices.DeleteFunc(l.lines, func(o *ListLine) bool { return o == line })
	return nil
}
