package lint

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A lock is one mutex of the code: its package and Type.field, or the name of a
// variable.
type lock struct{ pkg, field string }

// lockList is docs/locks.txt.
type lockList map[lock]int // line

// parseLocks reads the list.
func parseLocks(text string) (lockList, error) {
	list := lockList{}
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		if len(words) < 4 {
			return nil, fmt.Errorf("docs/locks.txt:%d: want PACKAGE TYPE.FIELD LEVEL and what it guards", i+1)
		}
		if _, err := strconv.Atoi(words[2]); err != nil && words[2] != "leaf" {
			return nil, fmt.Errorf("docs/locks.txt:%d: the level %q is neither a number nor \"leaf\"", i+1, words[2])
		}
		l := lock{words[0], words[1]}
		if list[l] != 0 {
			return nil, fmt.Errorf("docs/locks.txt:%d: %s %s stands in line %d already", i+1, l.pkg, l.field, list[l])
		}
		list[l] = i + 1
	}
	return list, nil
}

// checkLocks compares the list with the code, both ways.
func checkLocks(t *tree, module string, list lockList) []finding {
	var found []finding
	seen := map[lock]bool{}
	own := ownLocks(t, module)
	for _, p := range t.code() {
		for _, f := range p.files {
			if f.test {
				continue
			}
			locksOf(f, module, p.path, own, func(name string, at ast.Node) {
				l := lock{p.path, name}
				seen[l] = true
				if list[l] == 0 {
					found = append(found, finding{t.at(at.Pos()), fmt.Sprintf("docs/locks.txt does not list %s %s", l.pkg, l.field)})
				}
			})
		}
	}
	for l, line := range list {
		if !seen[l] {
			found = append(found, finding{fmt.Sprintf("docs/locks.txt:%d", line), fmt.Sprintf("%s has no mutex %s", l.pkg, l.field)})
		}
	}
	slices.SortFunc(found, func(a, b finding) int { return strings.Compare(a.String(), b.String()) })
	return found
}

// ownLocks returns the types of this module that have Lock and Unlock, as
// "import path.Type".
func ownLocks(t *tree, module string) map[string]bool {
	methods := map[string]int{}
	for _, p := range t.code() {
		for _, f := range p.files {
			for _, decl := range f.ast.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok || fn.Recv == nil || f.test || fn.Name.Name != "Lock" && fn.Name.Name != "Unlock" {
					continue
				}
				name := declName(decl) // (*T).Lock or T.Lock
				typ := strings.Trim(name[:strings.LastIndex(name, ".")], "(*)")
				methods[path.Join(module, p.path)+"."+typ]++
			}
		}
	}
	own := map[string]bool{}
	for typ, n := range methods {
		own[typ] = n == 2
	}
	return own
}

// locksOf visits every field and package variable of f whose type holds a lock.
func locksOf(f *file, module, dir string, own map[string]bool, visit func(name string, at ast.Node)) {
	byLocal := map[string]string{}
	for imp, local := range f.imports() {
		byLocal[local] = imp
	}
	isLock := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			id, ok := n.X.(*ast.Ident)
			if !ok {
				return false
			}
			full := byLocal[id.Name] + "." + n.Sel.Name
			return full == "sync.Mutex" || full == "sync.RWMutex" || own[full]
		case *ast.Ident:
			return own[path.Join(module, dir)+"."+n.Name]
		}
		return false
	}
	for _, decl := range f.ast.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				lockFields(spec.Name.Name, spec.Type, isLock, visit)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if spec.Type != nil {
						lockTypes(name.Name, spec.Type, isLock, visit)
					}
					for _, value := range spec.Values {
						if lit, ok := value.(*ast.CompositeLit); ok && lit.Type != nil {
							lockTypes(name.Name, lit.Type, isLock, visit)
						}
					}
				}
			}
		}
	}
}

// lockFields visits the lock fields of a struct type, those of nested structs by
// Type.outer.inner.
func lockFields(name string, typ ast.Expr, isLock func(ast.Node) bool, visit func(string, ast.Node)) {
	ast.Inspect(typ, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType, *ast.InterfaceType:
			return false
		case *ast.StructType:
			for _, field := range n.Fields.List {
				names := field.Names
				if len(names) == 0 { // embedded
					names = []*ast.Ident{ast.NewIdent(embeddedName(field.Type))}
				}
				for _, id := range names {
					lockTypes(name+"."+id.Name, field.Type, isLock, visit)
				}
			}
			return false
		}
		return true
	})
}

// lockTypes visits name once if its type is a lock, an array or map of locks or
// a pointer to one, and its fields if it is a struct without a name.
func lockTypes(name string, typ ast.Expr, isLock func(ast.Node) bool, visit func(string, ast.Node)) {
	done := false
	ast.Inspect(typ, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType, *ast.InterfaceType:
			return false
		case *ast.StructType:
			lockFields(name, n, isLock, visit)
			return false
		case ast.Expr:
			if !done && isLock(n) {
				done = true
				visit(name, n)
			}
		}
		return true
	})
}

func embeddedName(typ ast.Expr) string {
	switch typ := typ.(type) {
	case *ast.StarExpr:
		return embeddedName(typ.X)
	case *ast.SelectorExpr:
		return typ.Sel.Name
	case *ast.Ident:
		return typ.Name
	case *ast.IndexExpr:
		return embeddedName(typ.X)
	}
	return "?"
}
