package stats

import (
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/log"
)

// showEvents lists the sinks that lines of logs may go to, or shows what is in a ring:
// from the oldest line, or with -n from now on; with -w it waits for more; with -0
// lines end by a zero byte.
func showEvents(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	if len(r.Args) == 0 {
		r.WriteString("Supported events sinks are listed below. Add -0(zero), -w(wait), -n(new). Any key to stop.\n")
		r.Printf("    %-10s : type=fd, 0 dropped, standard output (fd#1)\n", "stdout")
		r.Printf("    %-10s : type=fd, 0 dropped, standard output (fd#2)\n", "stderr") // reference
		for _, ring := range in.Rings {
			r.Printf("    %-10s : type=buffer, 0 dropped, %s\n", ring.Name, ring.Desc)
		}
		return
	}
	var ring *log.Ring
	for _, x := range in.Rings {
		if x.Name == r.Args[0] {
			ring = x
		}
	}
	if ring == nil {
		r.Fail("No such event sink")
		return
	}
	end, wait, fresh := byte('\n'), false, false
	for _, word := range r.Args[1:] {
		switch word {
		case "-w":
			wait = true
		case "-n":
			fresh = true
		case "-0":
			end = 0
		case "-wn", "-nw":
			wait, fresh = true, true
		default:
			r.Fail("unknown option")
			return
		}
	}
	at := ring.Oldest()
	if fresh {
		at = ring.Newest()
	}
	follow(r, ring, at, end, wait)
}

// follow writes the lines of a ring from a place on, until there are no more or, if it
// waits, until who asks has left.
func follow(r *cli.Request, ring *log.Ring, at log.Cursor, end byte, wait bool) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	var line []byte
	for {
		changed := ring.Changed()
		for more := true; more; {
			if line, _, more = ring.Next(line[:0], &at); !more {
				break
			}
			if _, err := r.Write(append(line, end)); err != nil {
				return
			}
		}
		for moved := false; !moved; {
			if !wait {
				return
			}
			select {
			case <-changed:
				moved = true
			case <-look.C:
				if r.PeerGone() {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
	}
}
