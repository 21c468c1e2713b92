package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Where a rule has its one exception.
const (
	loopPackage  = "lbcore/loop"
	clockPackage = "lbcore/clock"
)

// noGoroutines run on their loop alone; namedGoroutines start only those that
// their doc.go names.
var (
	noGoroutines = []string{"lbcore/message", "lbcore/h1", "lbcore/h2", "lbcore/mux", "lbcore/stream",
		"lbcore/rule", "lbcore/sample", "lbcore/acl", "lbcore/balance"}
	namedGoroutines = []string{"lbcore/loop", "lbcore/log", "lbcore/transport"}
)

const (
	maxFileLines    = 800
	maxPackageLines = 6000
)

// A rule looks at the tree and returns what breaks it.
type rule struct {
	name  string
	check func(*tree) []finding
}

var rules = []rule{
	{"raw system calls only in lbcore/loop", rawSyscalls},
	{"assembly and linkname only in lbcore/loop and lbcore/clock", linknames},
	{"time only by lbcore/clock", clockOnly},
	{"goroutines only where doc.go names them", goroutines},
	{"no init functions", noInit},
	{"doc.go in every package", docs},
	{"sizes", sizes},
	{"names", names},
	{"tests neither sleep nor skip without a remedy", tests},
}

// A blocking raw call freezes every loop at the collector's next stop (L3).
func rawSyscalls(t *tree) []finding {
	var found []finding
	for _, p := range t.pkgs {
		if p.in(loopPackage) {
			continue
		}
		for _, f := range p.files {
			for _, imp := range []string{"syscall", "golang.org/x/sys/unix"} {
				f.uses(imp, func(name string, at token.Pos) {
					if strings.HasPrefix(name, "RawSyscall") {
						found = append(found, finding{t.at(at), name + " outside " + loopPackage})
					}
				})
			}
		}
	}
	return found
}

func linknames(t *tree) []finding {
	var found []finding
	for _, p := range t.code() {
		if p.in(loopPackage, clockPackage) {
			continue
		}
		for _, name := range p.other {
			found = append(found, finding{name, "assembly or C outside " + loopPackage})
		}
		for _, f := range p.files {
			for _, group := range f.ast.Comments {
				for _, c := range group.List {
					if strings.HasPrefix(c.Text, "//go:linkname ") {
						found = append(found, finding{t.at(c.Pos()), "go:linkname outside " + loopPackage + " and " + clockPackage})
					}
				}
			}
		}
	}
	return found
}

// Tests set a fake clock; whoever reads the machine's cannot be tested by it.
func clockOnly(t *tree) []finding {
	var found []finding
	for _, p := range t.code() {
		// The fleet's tests run whole in simulated time (testing/synctest).
		if p.in(clockPackage, "cmd/...", "cluster", "cluster/...") {
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			f.uses("time", func(name string, at token.Pos) {
				switch name {
				case "Now", "Since", "Until":
					found = append(found, finding{t.at(at), "time." + name + " outside " + clockPackage})
				}
			})
		}
	}
	return found
}

var goroutineLine = regexp.MustCompile(`(?m)^\s*goroutine (\S+): \S+`)

func goroutines(t *tree) []finding {
	var found []finding
	for _, p := range t.code() {
		none := p.in(noGoroutines...)
		if !none && !p.in(namedGoroutines...) {
			continue
		}
		named := map[string]bool{}
		for _, m := range goroutineLine.FindAllStringSubmatch(p.doc(), -1) {
			named[m[1]] = true
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, decl := range f.ast.Decls {
				where := declName(decl)
				startsGoroutine(decl, f, func(at token.Pos) {
					switch {
					case none:
						found = append(found, finding{t.at(at), "a goroutine in " + p.path + ", which has none"})
					case !named[where]:
						found = append(found, finding{t.at(at), fmt.Sprintf("a goroutine that %s/doc.go does not name (\"goroutine %s: why\")", p.path, where)})
					}
				})
			}
		}
	}
	return found
}

// startsGoroutine visits go statements and the timers that call a function on a
// goroutine of their own.
func startsGoroutine(decl ast.Decl, f *file, visit func(token.Pos)) {
	local := f.imports()["time"]
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			visit(n.Pos())
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && local != "" && id.Name == local && n.Sel.Name == "AfterFunc" {
				visit(n.Pos())
			}
		}
		return true
	})
}

// declName returns a function's name as doc comments write it: F, T.M, (*T).M.
func declName(decl ast.Decl) string {
	fn, ok := decl.(*ast.FuncDecl)
	if !ok {
		return "var"
	}
	if fn.Recv == nil {
		return fn.Name.Name
	}
	star, typ := "", fn.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		star, typ = "*", p.X
	}
	switch generic := typ.(type) {
	case *ast.IndexExpr:
		typ = generic.X
	case *ast.IndexListExpr:
		typ = generic.X
	}
	name := ""
	if id, ok := typ.(*ast.Ident); ok {
		name = id.Name
	}
	if star != "" {
		return "(*" + name + ")." + fn.Name.Name
	}
	return name + "." + fn.Name.Name
}

func noInit(t *tree) []finding {
	var found []finding
	for _, p := range t.pkgs {
		for _, f := range p.files {
			for _, decl := range f.ast.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && !f.test && fn.Recv == nil && fn.Name.Name == "init" {
					found = append(found, finding{t.at(fn.Pos()), "an init function; packages have Register(*keyword.Set)"})
				}
			}
		}
	}
	return found
}

func docs(t *tree) []finding {
	var found []finding
	for _, p := range t.pkgs {
		if len(p.files) > 0 && len(strings.Fields(p.doc())) < 8 {
			found = append(found, finding{p.path, "no doc.go that says what the package owns and what it may import"})
		}
	}
	return found
}

func sizes(t *tree) []finding {
	var found []finding
	for _, p := range t.pkgs {
		total := 0
		for _, f := range p.files {
			if f.generated() {
				continue
			}
			if !f.test {
				total += f.lines
			}
			reason := regexp.MustCompile(`(?m)^\s*over 800 lines: ` + regexp.QuoteMeta(path.Base(f.path)) + `: \S+`)
			if f.lines > maxFileLines && !reason.MatchString(p.doc()) {
				found = append(found, finding{f.path, fmt.Sprintf("%d lines; split it, or doc.go gives the reason: \"over 800 lines: %s: why\"", f.lines, path.Base(f.path))})
			}
		}
		reason := regexp.MustCompile(`(?m)^\s*over 6000 lines: \S+`)
		if total > maxPackageLines && !reason.MatchString(p.doc()) {
			found = append(found, finding{p.path, fmt.Sprintf("%d lines; split it, or doc.go gives the reason: \"over 6000 lines: why\"", total)})
		}
	}
	return found
}

var emptyNames = map[string]bool{"util": true, "utils": true, "common": true, "helper": true, "helpers": true, "manager": true}

func names(t *tree) []finding {
	var found []finding
	for _, p := range t.pkgs {
		if emptyNames[p.name] || emptyNames[path.Base(p.path)] {
			found = append(found, finding{p.path, "a name that says nothing of what it holds"})
		}
		for _, f := range p.files {
			if base := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test"); emptyNames[base] {
				found = append(found, finding{f.path, "a name that says nothing of what it holds"})
			}
		}
	}
	return found
}

// tests wait for events, and a skipped one says what to install.
func tests(t *tree) []finding {
	var found []finding
	for _, p := range t.pkgs {
		for _, f := range p.files {
			if !f.test {
				continue
			}
			_, simulated := f.imports()["testing/synctest"] // a sleep takes no time there
			f.uses("time", func(name string, at token.Pos) {
				if name == "Sleep" && !simulated {
					found = append(found, finding{t.at(at), "a test sleeps"})
				}
			})
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && isSkip(call) && !namesRemedy(call) {
					found = append(found, finding{t.at(call.Pos()), "a skipped test does not say what to install"})
				}
				return true
			})
		}
	}
	return found
}

func isSkip(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "Skipf" || sel.Sel.Name == "SkipNow")
}

func namesRemedy(call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if lit, ok := arg.(*ast.BasicLit); ok {
			text, err := strconv.Unquote(lit.Value)
			if err == nil && (strings.Contains(text, "install") || strings.Contains(text, "make deps")) {
				return true
			}
		}
	}
	return false
}
