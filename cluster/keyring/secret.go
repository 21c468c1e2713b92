package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"gohap/cluster/durable"
)

// SecretLen is how long a secret is at least, in bytes.
const SecretLen = 32

// maxFile bounds what is read of a file of secrets, bytes.
const maxFile = 64 << 10

// Secret is what members of a fleet share. It is never printed: String hides it.
type Secret struct{ bytes []byte }

// NewSecret makes a random one.
func NewSecret() Secret {
	b := make([]byte, SecretLen)
	_, _ = rand.Read(b) // never fails
	return Secret{b}
}

// Text returns the secret as a line of a file, without the line's end.
func (s Secret) Text() string { return base64.StdEncoding.EncodeToString(s.bytes) }

// String implements fmt.Stringer for logs, which may not have it.
func (s Secret) String() string { return "(secret)" }

// GoString implements fmt.GoStringer, for the same reason.
func (s Secret) GoString() string { return s.String() }

func (s Secret) equal(o Secret) bool { return bytes.Equal(s.bytes, o.bytes) }

// Parse reads a file's text: a secret a line in base64, empty lines and those that
// begin with '#' left out. name is the file's, for errors, which do not quote it.
func Parse(name string, text []byte) (all []Secret, err error) {
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		b, err := base64.StdEncoding.AppendDecode(nil, line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s:%d: a secret is base64 on one line, as 'gohap keys new' makes it", name, i+1)
		case len(b) < SecretLen:
			return nil, fmt.Errorf("%s:%d: a secret of %d bytes, at least %d are needed: 'gohap keys new' makes one", name, i+1, len(b), SecretLen)
		}
		s := Secret{b}
		if slices.ContainsFunc(all, s.equal) {
			return nil, fmt.Errorf("%s:%d: this secret is there twice", name, i+1)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no secret in it: 'gohap keys new' makes one", name)
	}
	return all, nil
}

// ReadFile reads a file of secrets. A file that others than its owner may read is
// refused.
func ReadFile(path string) ([]Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s: larger than %d bytes, this is no file of secrets", path, maxFile)
	}
	return Parse(path, text)
}

// WriteFile puts secrets into a file that only its owner can read; what was there is
// replaced at once or stays.
func WriteFile(path string, all []Secret) error {
	var text []byte
	for _, s := range all {
		text = append(append(text, s.Text()...), '\n')
	}
	return durable.WriteFile(path, text)
}

// CreateFile is WriteFile for a file that may not be there yet.
func CreateFile(path string, all []Secret) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s exists already; 'gohap keys rotate' changes it", path)
		}
		return err
	}
	return WriteFile(path, all)
}

// The steps of a rotation. Each is done on every node before the next begins.

// Add appends a new secret, which is accepted then and not used yet.
func Add(all []Secret) ([]Secret, error) {
	if len(all) > 1 {
		return nil, fmt.Errorf("there are %d secrets: a rotation is under way, promote and remove first", len(all))
	}
	return append(slices.Clone(all), NewSecret()), nil
}

// Promote makes the last secret the first, which signs and encrypts.
func Promote(all []Secret) ([]Secret, error) {
	if len(all) < 2 {
		return nil, errors.New("there is one secret: add another one first")
	}
	last := len(all) - 1
	return append([]Secret{all[last]}, all[:last]...), nil
}

// Remove leaves the first secret alone: sessions of the others end.
func Remove(all []Secret) ([]Secret, error) {
	if len(all) < 2 {
		return nil, errors.New("there is one secret: nothing to remove")
	}
	return slices.Clone(all[:1]), nil
}
