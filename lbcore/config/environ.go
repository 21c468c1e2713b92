//lint:file-ignore ST1005 the texts are the reference's, line feeds and all

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Environ is the set of environment variables that a configuration sees. The
// global keywords setenv, presetenv, unsetenv and resetenv change it, never the
// process itself: the owner decides what to hand to children. Use it from one
// goroutine.
type Environ struct {
	names  []string // in the order of the block, as "show env" lists them
	values map[string]string
}

// NewEnviron takes "NAME=value" pairs, as os.Environ returns them.
func NewEnviron(pairs []string) *Environ {
	e := &Environ{values: make(map[string]string, len(pairs))}
	for _, p := range pairs {
		if name, value, ok := strings.Cut(p, "="); ok {
			e.Set(name, value)
		}
	}
	return e
}

// Lookup returns a variable's value.
func (e *Environ) Lookup(name string) (string, bool) {
	v, ok := e.values[name]
	return v, ok
}

// Set creates or overwrites a variable.
func (e *Environ) Set(name, value string) {
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// Unset removes a variable.
func (e *Environ) Unset(name string) {
	if _, ok := e.values[name]; ok {
		delete(e.values, name)
		e.names = slices.DeleteFunc(e.names, func(n string) bool { return n == name })
	}
}

// Pairs returns the variables as "NAME=value", in order.
func (e *Environ) Pairs() []string {
	pairs := make([]string, len(e.names))
	for i, n := range e.names {
		pairs[i] = n + "=" + e.values[n]
	}
	return pairs
}

// KeepOnly removes every variable that is not named (resetenv).
func (e *Environ) KeepOnly(names []string) {
	for _, n := range slices.Clone(e.names) {
		if !slices.Contains(names, n) {
			e.Unset(n)
		}
	}
}

// environWords are the global keywords that Apply serves: the reader executes
// them in place, since the lines behind them already see what they did.
var environWords = []struct {
	name, args, summary, good string
	bad                       []string
}{
	{"setenv", "<name> <value>", "sets an environment variable", "setenv SITE lab", []string{"setenv", "setenv SITE"}},
	{"presetenv", "<name> <value>", "sets an environment variable unless it is there", "presetenv SITE lab", []string{"presetenv", "presetenv A=B c"}},
	{"unsetenv", "<name>…", "removes environment variables", "unsetenv SITE", []string{"unsetenv"}},
	{"resetenv", "[<name>…]", "removes every environment variable that is not named", "resetenv PATH HOME", nil},
}

// Apply executes a statement of a global section when it is about the
// environment, and reports whether it was.
func (e *Environ) Apply(words []string) (ours bool, err error) {
	switch words[0] {
	case "setenv", "presetenv":
		return true, e.assign(words)
	case "unsetenv":
		if len(words) < 2 {
			return true, errors.New("'unsetenv' expects at least one variable name.\n")
		}
		for _, n := range words[1:] {
			if err := validName(words[0], n); err != nil {
				return true, err
			}
			e.Unset(n)
		}
		return true, nil
	case "resetenv":
		e.KeepOnly(words[1:])
		return true, nil
	}
	return false, nil
}

// assign serves setenv and presetenv; the latter keeps an existing value.
func (e *Environ) assign(words []string) error {
	switch {
	case len(words) < 2:
		return fmt.Errorf("'%s' expects environment variable name.\n.", words[0])
	case len(words) < 3:
		return fmt.Errorf("'%s' expects environment variable value for '%s'.\n.", words[0], words[1])
	case len(words) > 3:
		return fmt.Errorf("'%s' cannot handle unexpected argument '%s'.", words[0], words[3])
	}
	if err := validName(words[0], words[1]); err != nil {
		return err
	}
	if _, ok := e.values[words[1]]; ok && words[0] == "presetenv" {
		return nil
	}
	e.Set(words[1], words[2])
	return nil
}

func validName(keyword, name string) error {
	if strings.Contains(name, "=") {
		return fmt.Errorf("'%s' failed on variable '%s' : Invalid argument.\n", keyword, name)
	}
	return nil
}
