package lbcore

import (
	"io"

	"gohap/lbcore/build"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// Discover reads of a configuration only how its process is to come up, before
// anything else is done with it. What is wrong is left to Load to tell, which does
// not read the files of the same options again: one may be a pipe.
func Discover(o *Options) build.Launch {
	set := o.words()
	env := config.NewEnviron(o.Env)
	env.SetStartup(Version, "3.2", false)
	diag := &config.Diagnostics{Out: io.Discard, Quiet: true}
	src := &config.Source{Paths: o.Paths, From: o.Files, Env: env, Diag: diag, Facts: Facts(set), Words: set,
		IsSection: func(word string) bool { return set.Lookup(keyword.Section, word) != nil }, Refused: func(string) (string, bool) { return "", false }}
	var d discovery
	if src.Load() {
		o.read = src.Texts()
		src.Parse(&d)
	}
	return d.Launch
}

// discovery is the config.Handler of Discover.
type discovery struct{ build.Launch }

// Early implements config.Handler.
func (d *discovery) Early(st *config.Statement) config.Outcome {
	_, _ = d.Read(st)
	return config.Continue
}

// Section implements config.Handler: what Early had no part in is not looked at.
func (d *discovery) Section(*config.Statement) config.Outcome { return config.Abort }

// Statement implements config.Handler.
func (d *discovery) Statement(*config.Statement) config.Outcome { return config.Abort }

// EndSection implements config.Handler.
func (d *discovery) EndSection() config.Outcome { return config.Abort }
