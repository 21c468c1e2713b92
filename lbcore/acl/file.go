package acl

import (
	"fmt"
	"os"
	"strings"
)

// Files opens pattern lists by name.
type Files interface {
	// ReadPatterns returns the text of a list.
	ReadPatterns(name string) ([]byte, error)
}

// loadPatterns reads the list behind a -f name (2.7 of the manual): a file,
// "file@" the same, "opt@" one that may be missing, "virt@" none. It returns
// the list's name and its patterns; of a map only the keys.
func loadPatterns(files Files, name string, asMap bool) (string, []string, error) {
	if strings.HasPrefix(name, "virt@") {
		return name, nil, nil
	}
	path := strings.TrimPrefix(name, "file@")
	optional := strings.HasPrefix(name, "opt@")
	if optional {
		path = strings.TrimPrefix(name, "opt@")
	}
	var text []byte
	var err error
	if files != nil {
		text, err = files.ReadPatterns(path)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		if optional && os.IsNotExist(err) {
			return path, nil, nil
		}
		return path, nil, fmt.Errorf("failed to open pattern file <%s>", path)
	}
	return path, patternLines(string(text), asMap), nil
}

// patternLines cuts a list into its entries: empty lines and lines that begin
// with '#' are ignored, leading blanks stripped.
func patternLines(text string, asMap bool) (keys []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimLeft(line, " \t")
		if asMap {
			if i := strings.IndexAny(line, " \t"); i >= 0 {
				line = line[:i]
			}
		}
		if line != "" {
			keys = append(keys, line)
		}
	}
	return keys
}
