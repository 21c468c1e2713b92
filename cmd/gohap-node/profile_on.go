//go:build profile

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// profiled writes a CPU profile of the first twelve seconds to $GOHAP_PROFILE.<pid>;
// .ci/pgo merges such profiles into default.pgo, by which the compiler chooses what
// to inline. A node that is asked to stop ends by that signal: hence the fixed time.
func profiled() {
	name := os.Getenv("GOHAP_PROFILE")
	if name == "" {
		return
	}
	f, err := os.Create(fmt.Sprintf("%s.%d", name, os.Getpid()))
	runtime.SetCPUProfileRate(2000) // most of the time is the kernel's
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
	time.AfterFunc(12*time.Second, func() {
		pprof.StopCPUProfile()
		f.Close()
	})
}
