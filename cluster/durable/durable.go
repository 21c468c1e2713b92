package durable

import (
	"io"
	"os"
	"path/filepath"
)

// Partial begins the names of files that are not whole yet; those of a process that
// ended meanwhile can be deleted.
const Partial = ".partial-"

// Put has fill write a file of a directory, and tell its name.
func Put(dir string, fill func(w io.Writer) (name string, err error)) (err error) {
	f, err := os.CreateTemp(dir, Partial+"*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	name, err := fill(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// WriteFile puts a file in place of what was there.
func WriteFile(path string, text []byte) error {
	return Put(filepath.Dir(path), func(w io.Writer) (string, error) {
		_, err := w.Write(text)
		return filepath.Base(path), err
	})
}
