package config

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Files are where a configuration, and all that it names, is read from. Names are
// those of the configuration: relative ones count from the present directory.
// Errors are as those of package os.
type Files interface {
	ReadFile(name string) ([]byte, error)
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	// Getwd and Chdir tell and change the present directory.
	Getwd() (string, error)
	Chdir(dir string) error
}

// Disk is the machine's own files; its present directory is the process's.
var Disk Files = disk{}

type disk struct{}

func (disk) ReadFile(name string) ([]byte, error)       { return os.ReadFile(name) }
func (disk) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (disk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (disk) Getwd() (string, error)                     { return os.Getwd() }
func (disk) Chdir(dir string) error                     { return os.Chdir(dir) }

// Tree is files in memory, by absolute name: what a Recorder has seen, on another
// machine. It has directories where it has files in them.
type Tree struct {
	files map[string][]byte
	dir   string
}

// NewTree makes a tree of files by absolute name; dir is the present directory at
// first, "" for the root. Nobody changes the contents.
func NewTree(dir string, files map[string][]byte) *Tree {
	return &Tree{files: files, dir: path.Join("/", dir)}
}

func (t *Tree) abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(t.dir, name)
}

func (t *Tree) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// isDir tells whether some file is below a name.
func (t *Tree) isDir(name string) bool {
	below := strings.TrimSuffix(name, "/") + "/"
	for n := range t.files {
		if strings.HasPrefix(n, below) {
			return true
		}
	}
	return false
}

// ReadFile implements Files.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	at := t.abs(name)
	if text, ok := t.files[at]; ok {
		return slices.Clone(text), nil
	}
	if t.isDir(at) {
		return nil, t.fail("read", name, syscall.EISDIR)
	}
	return nil, t.fail("open", name, syscall.ENOENT)
}

// Stat implements Files.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	at := t.abs(name)
	if text, ok := t.files[at]; ok {
		return info{path.Base(at), int64(len(text)), false}, nil
	}
	if t.isDir(at) {
		return info{path.Base(at), 0, true}, nil
	}
	return nil, t.fail("stat", name, syscall.ENOENT)
}

// ReadDir implements Files, sorted by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	at := strings.TrimSuffix(t.abs(name), "/") + "/"
	found := map[string]info{}
	for n, text := range t.files {
		rest, ok := strings.CutPrefix(n, at)
		if !ok {
			continue
		}
		if first, _, deeper := strings.Cut(rest, "/"); deeper {
			found[first] = info{first, 0, true}
		} else {
			found[rest] = info{rest, int64(len(text)), false}
		}
	}
	if len(found) == 0 {
		return nil, t.fail("open", name, syscall.ENOENT)
	}
	var all []fs.DirEntry
	for _, i := range found {
		all = append(all, fs.FileInfoToDirEntry(i))
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

// Getwd implements Files.
func (t *Tree) Getwd() (string, error) { return t.dir, nil }

// Chdir implements Files.
func (t *Tree) Chdir(dir string) error {
	at := t.abs(dir)
	if !t.isDir(at) {
		return t.fail("chdir", dir, syscall.ENOENT)
	}
	t.dir = at
	return nil
}

// info is a file or directory of a Tree.
type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string { return i.name }
func (i info) Size() int64  { return i.size }
func (i info) IsDir() bool  { return i.dir }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }

// Recorder reads from the disk and keeps what it read, so that a Tree has the same for
// another machine. It is for one reading of a configuration, on one goroutine.
type Recorder struct {
	disk
	Files map[string][]byte // by absolute name
	start string
	used  bool // a relative name was read
}

// NewRecorder makes a recorder; the present directory is the process's.
func NewRecorder() (*Recorder, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return &Recorder{Files: map[string][]byte{}, start: dir}, nil
}

// Dir is the directory that relative names count from, "" where there was none.
func (r *Recorder) Dir() string {
	if !r.used {
		return ""
	}
	return r.start
}

// Abs is the absolute form of a name.
func (r *Recorder) Abs(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	at, err := os.Getwd()
	if err != nil {
		return name
	}
	r.used = r.used || at == r.start
	return filepath.Join(at, name)
}

// ReadFile implements Files.
func (r *Recorder) ReadFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err == nil {
		r.Files[r.Abs(name)] = slices.Clone(text)
	}
	return text, err
}

// Stat implements Files; what is there is looked at again, for whether it is.
func (r *Recorder) Stat(name string) (fs.FileInfo, error) {
	i, err := os.Stat(name)
	if err == nil {
		r.Abs(name)
	}
	return i, err
}

// ReadDir implements Files.
func (r *Recorder) ReadDir(name string) ([]fs.DirEntry, error) {
	r.Abs(name)
	return os.ReadDir(name)
}
