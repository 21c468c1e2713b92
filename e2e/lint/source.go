package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A finding is one breach of a rule.
type finding struct {
	at   string // file:line, or the file of the list
	what string
}

func (f finding) String() string { return f.at + ": " + f.what }

// A file is one parsed Go source.
type file struct {
	path  string // from the repository's root
	ast   *ast.File
	lines int
	test  bool
}

// generated tells a file that a program wrote, which keeps no size.
var generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func (f *file) generated() bool {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			if c.Pos() < f.ast.Package && generatedMark.MatchString(c.Text) {
				return true
			}
		}
	}
	return false
}

// imports returns the local name of each import by its path.
func (f *file) imports() map[string]string {
	names := map[string]string{}
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		names[p] = path.Base(p)
		if spec.Name != nil {
			names[p] = spec.Name.Name
		}
	}
	return names
}

// uses calls visit for every selector pkg.Name of an import of the given path.
func (f *file) uses(importPath string, visit func(name string, at token.Pos)) {
	local, ok := f.imports()[importPath]
	if !ok {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
				visit(sel.Sel.Name, sel.Pos())
			}
		}
		return true
	})
}

// A pkg is one folder's Go files, those of all build tags.
type pkg struct {
	path  string // from the root, "." for the root itself
	name  string
	files []*file
	other []string // assembly and C beside them
}

// doc returns the package's comment in doc.go.
func (p *pkg) doc() string {
	for _, f := range p.files {
		if path.Base(f.path) == "doc.go" && f.ast.Doc != nil {
			return f.ast.Doc.Text()
		}
	}
	return ""
}

// in tells whether p is one of the given folders; "x/..." takes those below x.
func (p *pkg) in(patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, p.path) })
}

// matches tells whether a pattern of docs/layers.txt takes a path.
func matches(pattern, path string) bool {
	if above, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == above || strings.HasPrefix(path, above+"/")
	}
	return path == pattern
}

// A tree is the parsed repository.
type tree struct {
	fset *token.FileSet
	pkgs []*pkg
}

func (t *tree) at(pos token.Pos) string {
	p := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// code returns the packages of the product: no tests' own packages.
func (t *tree) code() []*pkg {
	return slices.DeleteFunc(slices.Clone(t.pkgs), func(p *pkg) bool { return p.in("e2e/...") })
}

// load parses every Go file below root, skipping what go itself skips and what
// is not ours.
func load(root string) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	byDir := map[string]*pkg{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			hidden := rel != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
			if hidden || base == "testdata" || rel == "bin" || rel == "e2e/oracle/haproxy" {
				return fs.SkipDir
			}
			return nil
		}
		return t.add(byDir, rel, name)
	})
	return t, err
}

// add parses one file if it is source.
func (t *tree) add(byDir map[string]*pkg, rel, name string) error {
	dir, ext := path.Dir(rel), path.Ext(rel)
	if ext != ".go" && ext != ".s" && ext != ".c" {
		return nil
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return t.parse(byDir, dir, rel, src)
}

func (t *tree) parse(byDir map[string]*pkg, dir, rel string, src []byte) error {
	p := byDir[dir]
	if p == nil {
		p = &pkg{path: dir}
		byDir[dir] = p
		t.pkgs = append(t.pkgs, p)
	}
	if path.Ext(rel) != ".go" {
		p.other = append(p.other, rel)
		return nil
	}
	parsed, err := parser.ParseFile(t.fset, rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	f := &file{path: rel, ast: parsed, lines: strings.Count(string(src), "\n"), test: strings.HasSuffix(rel, "_test.go")}
	p.files = append(p.files, f)
	if !f.test {
		p.name = parsed.Name.Name
	}
	return nil
}
