package lbcore

import (
	"io"

	"gohap/lbcore/config"
)

// Gathered is a configuration with every file that it names, by absolute name.
type Gathered struct {
	Dir   string   // where relative names count from, "" where there are none
	Main  []string // the configuration's own files, in their order
	Files map[string][]byte
}

// Gather reads and checks a configuration and keeps all that was read. What is wrong
// is told to o.Stderr; ok is false then.
func Gather(o *Options) (g *Gathered, ok bool) {
	rec, err := config.NewRecorder()
	if err != nil {
		o.Diagnostics().Rawf(config.Alert, "config : %s", err)
		return nil, false
	}
	with := *o
	with.Files = rec
	with.read = nil
	c, _ := Load(&with)
	if c == nil {
		return nil, false
	}
	return c.Recorded(rec), true
}

// Recorded is what rec, of which the configuration was read, has seen.
func (c *Config) Recorded(rec *config.Recorder) *Gathered {
	g := &Gathered{Files: rec.Files}
	for _, name := range c.Names {
		g.Main = append(g.Main, rec.Abs(name))
	}
	g.Dir = rec.Dir()
	return g
}

// Tree are the files as they were gathered, for Options.Files.
func (g *Gathered) Tree() config.Files { return config.NewTree(g.Dir, g.Files) }

// Judge reads and checks what was gathered, here; what is wrong is told to out.
func (g *Gathered) Judge(o *Options, out io.Writer) (c *Config, ok bool) {
	with := *o
	with.Paths, with.Files, with.Stderr, with.read = g.Main, g.Tree(), out, nil
	c, _ = Load(&with)
	return c, c != nil
}
