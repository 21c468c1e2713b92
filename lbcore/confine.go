package lbcore

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"gohap/lbcore/build"
	"gohap/lbcore/clock"
	"gohap/lbcore/log"
)

// Confine gives up what the process needs no more once its sockets are open: the
// rest of the file system and its user's privileges. It is called before Run, for
// no thread may be within a system call of a loop meanwhile. The error is the text
// of an alert.
func (in *Instance) Confine() error {
	c := &in.Config.Global.Confinement
	if err := in.privileges(c); err != nil {
		return err
	}
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
		if c.Capabilities != 0 {
			_, _, _ = syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0)
		}
		if err := syscall.Setuid(c.UID); err != nil {
			return fmt.Errorf("[gohap.main()] Cannot set uid %d.", c.UID) //lint:ignore ST1005 the reference's text
		}
	}
	if c.Capabilities != 0 && syscall.Geteuid() != 0 {
		if err := keep(c.Capabilities); err != nil && c.UID > 0 {
			in.tell(log.Warning, fmt.Sprintf("[gohap.main()] Failed to preserve capabilities: %s.", err))
		}
	}
	return nil
}

// privileges tells whether what the configuration asks for while traffic runs will
// work without the privileges that are given up.
func (in *Instance) privileges(c *build.Confinement) error {
	switch {
	case !c.Privileged:
	case syscall.Geteuid() != 0 && !holds(build.Foreign):
		in.tell(log.Warning, "[gohap.main()] Some options which require full privileges might not work well.")
	case syscall.Geteuid() == 0 && c.UID > 0 && c.Capabilities&build.Foreign == 0:
		//lint:ignore ST1005 the reference's text
		return errors.New("[gohap.main()] Some configuration options require full privileges, so global.uid cannot be changed.\n" +
			"[gohap.main()] Alternately, if your system supports Linux capabilities, you may also consider using 'setcap cap_net_raw', 'setcap cap_net_admin' or 'setcap cap_sys_admin' in the 'global' section.")
	}
	return nil
}

// holds tells whether the process has one of some capabilities.
func holds(bits uint64) bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&head, &data[0]) == nil && uint64(data[0].Effective)&bits != 0
}

// keep makes some capabilities all that every thread has; bits by number, below 32.
func keep(bits uint64) error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: uint32(bits), Permitted: uint32(bits)}}
	_, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&data[0])), 0)
	if e != 0 {
		return e
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
