package acl

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"gohap/lbcore/config"
	"gohap/lbcore/sample"
)

// file returns the list behind a name (2.7 of the manual): a file, "file@" the
// same, "opt@" one that may be missing, "virt@" none. It is read when it is
// mentioned first; table tells that it has two columns.
func (r *Refs) file(name string, table bool) (*Ref, error) {
	path := called(name)
	if f := r.byName[path]; f != nil {
		return f, f.suits(name, table)
	}
	f := r.add(&Ref{Name: path, Table: table, file: name, pending: map[uint32]*version{}})
	r.byName[path] = f
	if strings.HasPrefix(name, "virt@") {
		return f, nil
	}
	text, err := r.read(path)
	if err != nil && strings.HasPrefix(name, "opt@") && errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		if errors.Is(err, syscall.EISDIR) {
			return nil, fmt.Errorf("error encountered while reading  <%s> : Is a directory", path)
		}
		return nil, fmt.Errorf("failed to open pattern file <%s>", path)
	}
	f.load(string(text))
	return f, nil
}

// called returns the name of a list as commands know it.
func called(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "file@"), "opt@")
}

func (r *Refs) read(path string) ([]byte, error) {
	if r.Files != nil {
		return r.Files.ReadFile(path)
	}
	return config.Disk.ReadFile(path)
}

// suits tells why the list cannot be used as one with values, or without.
func (f *Ref) suits(name string, table bool) error {
	switch {
	case table && !f.Table:
		return fmt.Errorf("The file \"%s\" is already used as one column file and cannot be used by as two column file", name) //nolint:staticcheck // reference's text
	case !table && f.Table:
		return fmt.Errorf("The file \"%s\" is already used as two column file and cannot be used by as one column file", name) //nolint:staticcheck // reference's text
	}
	return nil
}

// load fills a list that nobody looks into yet.
func (f *Ref) load(text string) {
	v := f.cur.Load()
	n := strings.Count(text, "\n") + 1
	if n > shortList {
		v.lengthen(nil, n)
	}
	eachLine(text, f.Table, func(line int, key, val string) {
		v.append(nil, f.refs.serial.Add(1), key, val, f.Table, true)
		f.lines = append(f.lines, int32(line))
	})
}

// eachLine cuts a list into its entries: empty lines and lines that begin with '#'
// are ignored, leading blanks stripped. Of a table the first word is the key and
// the rest the value, without the blanks around it.
func eachLine(text string, table bool, yield func(line int, key, val string)) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		key, val := strings.TrimLeft(line, " \t"), ""
		if table {
			if i := strings.IndexAny(key, " \t"); i >= 0 {
				key, val = key[:i], strings.Trim(key[i:], " \t")
			}
		}
		if key != "" {
			yield(n, key, val)
		}
	}
}

// aclUse returns the use of a file by an ACL.
func (r *Refs) aclUse(name string, table, noDNS bool, h how, o *sample.Options) (*Use, error) {
	f, err := r.file(name, table)
	if err != nil {
		return nil, err
	}
	f.acl = true
	kind := "acl"
	if table {
		f.mapped, kind = true, "map"
	}
	f.usedBy(kind, o)
	if h.matcher == MatchIP && !noDNS {
		h.ask(f.keys(), o.Resolve)
	}
	return f.use(h, sample.Any)
}

// keys returns the keys of the current version.
func (f *Ref) keys() (keys []string) {
	f.Entries(Current, func(e Entry) bool {
		keys = append(keys, e.Key)
		return true
	})
	return keys
}

// mapUse returns the use of a file by a map converter.
func (r *Refs) mapUse(name string, h how, out sample.Type, o *sample.Options) (*Use, error) {
	f, err := r.file(name, true)
	if err != nil {
		return nil, err
	}
	f.mapped = true
	f.usedBy("map", o)
	return f.use(h, out)
}

func (f *Ref) usedBy(kind string, o *sample.Options) {
	f.where = append(f.where, fmt.Sprintf("by %s at file '%s' line %d", kind, o.File, o.Line))
}

// lineUse returns the use of the patterns of a line, which were checked.
func (r *Refs) lineUse(id int, h how, texts []string, where string) (*Use, error) {
	f := r.add(&Ref{acl: true, where: []string{where}, pending: map[uint32]*version{}})
	f.ID = id
	u, err := f.use(h, sample.Any)
	if err != nil {
		return nil, err
	}
	v := f.cur.Load()
	for _, t := range texts {
		v.append(f.uses, r.serial.Add(1), t, "", false, true)
	}
	if v.texts == nil {
		v.recompile(f.uses)
	}
	return u, nil
}
