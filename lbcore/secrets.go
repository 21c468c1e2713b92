package lbcore

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"gohap/lbcore/config"
)

// secretsName is among the names of sockets that are handed over: a file in memory
// with the keys of session tickets (certs.Store), so that TLS sessions outlive a
// reload. Whoever has the descriptor has the keys; it goes where the listening
// sockets go.
const secretsName = "ticket keys"

// maxSecrets bounds what is read of it, bytes.
const maxSecrets = 65536

// secretsFD returns the file with the keys, -1 where there is none. It is made once,
// when it is wanted, and lives as long as the instance. Under opening.
func (in *Instance) secretsFD(wanted bool) int {
	if in.secrets == nil && wanted {
		fd, err := unix.MemfdCreate("ticket-keys", unix.MFD_CLOEXEC)
		if err != nil {
			return -1 // sessions begin anew
		}
		f := os.NewFile(uintptr(fd), secretsName)
		if _, err := f.Write(in.Config.Certs.Secrets()); err != nil {
			f.Close()
			return -1
		}
		in.secrets = f
	}
	if in.secrets == nil {
		return -1
	}
	return int(in.secrets.Fd())
}

// takeSecrets goes on with the session tickets of the process before.
func (c *Config) takeSecrets() {
	if c.Inherited == nil {
		return
	}
	for _, fd := range c.Inherited.open[secretsName] {
		f := os.NewFile(uintptr(fd), secretsName)
		text, err := io.ReadAll(io.NewSectionReader(f, 0, maxSecrets))
		f.Close()
		if err == nil {
			err = c.Certs.Inherit(text)
		}
		if err != nil {
			c.Diag.Rawf(config.Warning, "TLS sessions begin anew: %s.", fmt.Sprint(err))
		}
	}
	delete(c.Inherited.open, secretsName)
}
