package lbcore

import (
	"crypto/x509"
	"fmt"
	"net"
	"syscall"

	"gohap/lbcore/clock"
	"gohap/lbcore/log"
)

// Confine gives up what the process needs no more once its sockets are open: the
// rest of the file system and its user's privileges. It is called before Run, for
// no thread may be within a system call of a loop meanwhile. The error is the text
// of an alert.
func (in *Instance) Confine() error {
	c := &in.Config.Global.Confinement
	if c.Chroot != "" {
		loadFromOutside()
		if err := syscall.Chroot(c.Chroot); err != nil {
			return fmt.Errorf("[gohap.main()] Cannot chroot(%s).", c.Chroot) //lint:ignore ST1005 the reference's text
		}
		if err := syscall.Chdir("/"); err != nil {
			return fmt.Errorf("[gohap.main()] Cannot chroot(%s).", c.Chroot) //lint:ignore ST1005 the reference's text
		}
	}
	if c.GID >= 0 {
		if syscall.Getuid() == 0 {
			if err := syscall.Setgroups([]int{c.GID}); err != nil {
				in.tell(log.Warning, fmt.Sprintf("[gohap.main()] Failed to drop supplementary groups: %s.", err))
			}
		}
		if err := syscall.Setgid(c.GID); err != nil {
			return fmt.Errorf("[gohap.main()] Cannot set gid %d.", c.GID) //lint:ignore ST1005 the reference's text
		}
	}
	if c.UID >= 0 {
		if err := syscall.Setuid(c.UID); err != nil {
			return fmt.Errorf("[gohap.main()] Cannot set uid %d.", c.UID) //lint:ignore ST1005 the reference's text
		}
	}
	return nil
}

// loadFromOutside reads what the libraries would look for at their first use,
// when its files are out of reach: the time zone, the roots of trust and how names
// are resolved.
func loadFromOutside() {
	_ = clock.Wall().Local().String()
	_, _ = x509.SystemCertPool()
	_, _ = net.LookupPort("tcp", "http")
	_, _ = net.LookupHost("localhost")
}
