package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// layers is docs/layers.txt.
type layers struct {
	floors    []floor
	edges     map[[2]string]bool
	denied    [][2]string // pattern of the package, pattern of the import
	libraries []string
}

type floor struct {
	n       int
	pattern string
}

// parseLayers reads the list; its errors name the line.
func parseLayers(text string) (*layers, error) {
	l := &layers{edges: map[[2]string]bool{}}
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		if err := l.line(words); err != nil {
			return nil, fmt.Errorf("docs/layers.txt:%d: %w", i+1, err)
		}
	}
	return l, l.circle()
}

func (l *layers) line(words []string) error {
	switch kind := words[0]; {
	case kind == "floor" && len(words) > 2:
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		for _, pattern := range words[2:] {
			l.floors = append(l.floors, floor{n, pattern})
		}
	case kind == "edge" && len(words) > 3:
		if l.floor(words[1]) < 0 || l.floor(words[1]) != l.floor(words[2]) {
			return fmt.Errorf("%s and %s are not of one floor", words[1], words[2])
		}
		l.edges[[2]string{words[1], words[2]}] = true
	case kind == "deny" && len(words) == 3:
		l.denied = append(l.denied, [2]string{words[1], words[2]})
	case kind == "library" && len(words) > 2:
		l.libraries = append(l.libraries, words[1])
	default:
		return fmt.Errorf("not understood: %q", strings.Join(words, " "))
	}
	return nil
}

// floor returns a package's floor, -1 if the list has none. The exact path
// counts more than a pattern.
func (l *layers) floor(path string) int {
	found := -1
	for _, f := range l.floors {
		if f.pattern == path {
			return f.n
		}
		if matches(f.pattern, path) {
			found = f.n
		}
	}
	return found
}

// circle reports sideways edges that lead back to where they start.
func (l *layers) circle() error {
	var walk func(at string, trail []string) error
	walk = func(at string, trail []string) error {
		if slices.Contains(trail, at) {
			return fmt.Errorf("docs/layers.txt: edges in a circle: %s", strings.Join(append(trail, at), " -> "))
		}
		for edge := range l.edges {
			if edge[0] == at {
				if err := walk(edge[1], append(slices.Clone(trail), at)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for edge := range l.edges {
		if err := walk(edge[0], nil); err != nil {
			return err
		}
	}
	return nil
}

// A module package as go list tells it.
type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Module     *struct{ Path string }
}

// list runs go list over the module and its dependencies.
func list(root string) ([]listed, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Standard,Module", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("go list: %w\n%s", err, exit.Stderr)
		}
		return nil, err
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// checkLayers compares imports with the list. module is this module's path.
func checkLayers(l *layers, module string, all []listed) []finding {
	var found []finding
	add := func(from, format string, args ...any) {
		found = append(found, finding{from, fmt.Sprintf(format, args...)})
	}
	standard, ours := map[string]bool{}, map[string]string{}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
		if p.Module != nil && p.Module.Path == module {
			ours[p.ImportPath] = strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		}
	}
	for _, p := range all {
		from, isOurs := ours[p.ImportPath]
		if !isOurs {
			continue
		}
		at := l.floor(from)
		if at < 0 {
			add(from, "has no floor in docs/layers.txt")
			continue
		}
		for _, imp := range p.Imports {
			to, isOurs := ours[imp]
			if !isOurs {
				to = imp
			}
			for _, d := range l.denied {
				if matches(d[0], from) && matches(d[1], to) {
					add(from, "may not import %s (deny %s %s)", to, d[0], d[1])
				}
			}
			switch below := l.floor(to); {
			case !isOurs:
				if !standard[imp] && imp != "C" && !l.library(imp) {
					add(from, "imports %s, no library that docs/layers.txt lists", imp)
				}
			case below > at:
				add(from, "of floor %d imports %s of floor %d above it", at, to, below)
			case below == at && !l.edges[[2]string{from, to}] && !sameFloorIsFree(at, from, to):
				add(from, "imports %s of its own floor %d, an edge that docs/layers.txt does not list", to, at)
			}
		}
	}
	return found
}

// Tests and commands of the top floor use each other's packages freely, but no
// product code imports e2e (denied).
func sameFloorIsFree(floor int, from, to string) bool {
	return matches("e2e/...", from) && matches("e2e/...", to) || parent(from) == parent(to) && matches("cmd/...", from)
}

func parent(p string) string {
	parts := strings.SplitN(p, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func (l *layers) library(path string) bool {
	return slices.ContainsFunc(l.libraries, func(module string) bool { return matches(module+"/...", path) })
}
