package oracle

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root returns the repository's root, the nearest folder at or above the working
// directory that holds go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod at or above the working directory")
		}
		dir = up
	}
}

// Haproxy returns the path of the reference's binary; the error says how to
// install it.
func Haproxy() (string, error) {
	return binary("HAPROXY_BIN", "e2e/oracle/haproxy/usr/sbin/haproxy", "make deps")
}

// Gohap returns the path of gohap-node: $GOHAP_BIN, else bin/gohap-node.
func Gohap() (string, error) {
	return binary("GOHAP_BIN", "bin/gohap-node", "make build")
}

func binary(env, path, remedy string) (string, error) {
	bin := os.Getenv(env)
	if bin == "" {
		root, err := Root()
		if err != nil {
			return "", err
		}
		bin = filepath.Join(root, path)
	}
	if info, err := os.Stat(bin); err != nil || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s is no program that runs here: run %q or set %s", bin, remedy, env)
	}
	return filepath.Abs(bin)
}
