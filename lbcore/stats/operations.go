package stats

import "sync"

// Operations runs what pages ask for on a goroutine, one thing after the other:
// changes of servers write lines and may have to wait for that, which no loop
// does. The zero value is ready.
type Operations struct {
	mu      sync.Mutex // guards all
	waiting []func()
	running bool
}

// Do has f run, soon; any goroutine or loop.
func (o *Operations) Do(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, f)
	if !o.running {
		o.running = true
		go o.work()
	}
}

func (o *Operations) work() {
	for {
		o.mu.Lock()
		if len(o.waiting) == 0 {
			o.running, o.waiting = false, nil
			o.mu.Unlock()
			return
		}
		f := o.waiting[0]
		o.waiting = o.waiting[1:]
		o.mu.Unlock()
		f()
	}
}
